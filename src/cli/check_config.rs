use std::process::ExitCode;

use super::{Config, failed, say, serve_args::ServeArgs, summary::lines};

/// Reports all configuration errors and returns 1, or prints the resulting configuration and returns 0. Opens nothing.
pub(super) fn check(args: ServeArgs, mut problems: Vec<String>) -> ExitCode {
    match Config::new(args) {
        Ok(config) if problems.is_empty() => show(&config),
        Ok(_) => failed(&problems, 1),
        Err(more) => {
            problems.extend(more);
            failed(&problems, 1)
        }
    }
}

fn show(config: &Config) -> ExitCode {
    let mut text = String::from("the configuration is fine:\n");
    for line in lines(config) {
        text += &line;
        text.push('\n');
    }
    for way in config.unsafe_ways() {
        text += &format!("unsafe: {way}\n");
    }
    for file in &config.loose_files {
        text += &format!("warning: {file}\n");
    }
    say::result(text);
    ExitCode::SUCCESS
}
