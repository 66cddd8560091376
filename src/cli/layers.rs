//! Flags override the environment, which overrides the file. Values from the environment and the file are added to the
//! command line as if they had been typed, so that one parser gives all three the same checks and messages.

use std::{
    env,
    ffi::OsString,
    io::IsTerminal,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, CommandFactory, FromArgMatches, parser::ValueSource};

use asset_arbiter::{bus, model::line_without_secrets, model::one_line, store};

use super::{
    Cli,
    environment::{env_name, unknown_variables},
    file::File,
    key::UNSET_IT,
    say,
    serve_args::{LOG_LEVEL, ServeArgs},
    values::filter,
};

/// The commands that take the flags of `serve`. Running without a command takes them too.
const SERVING: [&str; 3] = ["serve", "check-config", "health"];

/// Parses the command line together with the environment and the file, and returns all errors in the latter two.
/// Returns an exit code if the command line itself is wrong or asks for help; the message is then already printed.
pub(super) fn parse() -> (Result<Cli, ExitCode>, Vec<String>) {
    let mut argv: Vec<OsString> = env::args_os().collect();
    let typed = match command().try_get_matches_from(&argv) {
        Ok(typed) => typed,
        Err(error) => return (Err(print_message(&error, &argv)), Vec::new()),
    };
    let mut problems = Vec::new();
    let serving = match typed.subcommand() {
        None => Some(&typed),
        Some((name, typed)) => SERVING.contains(&name).then_some(typed),
    };
    if let Some(typed) = serving {
        argv.extend(lower_layers(typed, &mut problems).into_iter().map(OsString::from));
    }
    let matches = command().try_get_matches_from(&argv);
    let mut cli = matches.and_then(|matches| Cli::from_arg_matches(&matches));
    if let (Ok(cli), Some(typed)) = (&mut cli, serving) {
        cli.serve_args().level_file = level_file(typed);
    }
    (cli.map_err(|error| print_message(&error, &argv)), problems)
}

/// Prints clap's message with the passwords in it redacted.
fn print_message(error: &clap::Error, argv: &[OsString]) -> ExitCode {
    let (text, to_stderr) = (error.render(), error.use_stderr());
    let terminal = if to_stderr { std::io::stderr().is_terminal() } else { std::io::stdout().is_terminal() };
    let text = if terminal { text.ansi().to_string() } else { text.to_string() };
    if to_stderr {
        let given: Vec<_> = argv.iter().map(|arg| arg.to_string_lossy()).collect();
        let values = given
            .iter()
            .map(|arg| arg.split_once('=').filter(|_| arg.starts_with('-')).map_or(&**arg, |(_, value)| value));
        say::stderr(line_without_secrets(&text, values).trim_end());
    } else {
        say::result(text);
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

fn command() -> Command {
    let with_env = |arg: Arg| {
        // Of `health` alone, and nowhere else to be set.
        let Some(flag) = arg.get_long().filter(|flag| *flag != "ready") else { return arg };
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let help = format!("{help}{} [env: {}]", choices(flag), env_name(flag));
        arg.help(help)
    };
    let serving = |command: Command| command.mut_args(with_env).after_help(stores());
    let mut command = serving(Cli::command());
    for name in SERVING {
        command = command.mut_subcommand(name, serving);
    }
    command
}

/// The drivers available for a flag.
fn choices(flag: &str) -> String {
    let drivers: Vec<_> = match flag {
        "store" => store::DRIVERS.iter().map(|driver| (driver.example, driver.summary)).collect(),
        "bus" => bus::DRIVERS.iter().map(|driver| (driver.example, driver.summary)).collect(),
        _ => return String::new(),
    };
    let choices: Vec<_> = drivers.iter().map(|(example, summary)| format!("{example} ({summary})")).collect();
    format!(": {}", choices.join(", "))
}

/// The guarantee of each store.
fn stores() -> String {
    let mut text = "Stores:".to_owned();
    for driver in store::DRIVERS {
        text += &format!("\n  {}", driver.example);
        for (label, said) in driver.promises() {
            text += &format!("\n    {label}: {}", said.replace('`', ""));
        }
    }
    text
}

/// The arguments that the environment and the file add to the typed flags, if they are valid. The file may set every
/// flag but `--config`.
fn lower_layers(typed: &ArgMatches, problems: &mut Vec<String>) -> Vec<String> {
    let mut file = open_file(typed).unwrap_or_else(|problem| {
        problems.push(problem);
        File::default()
    });
    let command = ServeArgs::augment_args(Command::new("flags"));
    let flags = command.get_arguments().filter_map(|arg| Some((arg.get_long()?, arg)));
    let flags: Vec<_> = flags.filter(|(flag, _)| *flag != "config").collect();
    let mut added = Vec::new();
    for &(flag, arg) in &flags {
        // Taken even if overridden, because an overridden key is not unknown.
        let from_file = file.take(flag);
        if typed.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine) {
            continue;
        }
        let Some((source, values)) = from_env(flag, arg).or(from_file) else { continue };
        match values.and_then(|values| arguments(flag, arg, &source, &values)) {
            Ok(arguments) => added.extend(arguments),
            Err(problem) => problems.push(problem),
        }
    }
    let mut known: Vec<_> = flags.iter().map(|(flag, _)| *flag).collect();
    problems.extend(file.unknown(&known));
    known.push("config");
    problems.extend(unknown_variables(&known));
    added
}

/// The log level that a file says now, checked as at the start.
///
/// # Errors
/// The file cannot be read, or what it says is no level.
pub(super) fn level_in(file: &Path) -> Result<String, String> {
    let Some((source, values)) = File::read(file)?.take("log-level") else { return Ok(LOG_LEVEL.to_owned()) };
    match values?.as_slice() {
        [level] => filter(level).map_err(|why| format!("{source}: {}", one_line(&why))),
        _ => Err(format!("{source}: write one value, not a list")),
    }
}

/// The file whose log level holds, because neither a flag nor the environment says one.
fn level_file(typed: &ArgMatches) -> Option<PathBuf> {
    let typed_level = typed.value_source("log_level") == Some(ValueSource::CommandLine);
    let overridden = typed_level || env::var_os(env_name("log-level")).is_some();
    if overridden { None } else { named_file(typed) }
}

fn named_file(typed: &ArgMatches) -> Option<PathBuf> {
    let named = typed.get_one::<PathBuf>("config").cloned();
    named.or_else(|| env::var_os(env_name("config")).map(PathBuf::from))
}

fn open_file(typed: &ArgMatches) -> Result<File, String> {
    match named_file(typed) {
        Some(path) if path.to_string_lossy().trim().is_empty() => {
            Err(format!("{}: {UNSET_IT}", env_name("config")))
        }
        Some(path) => File::read(&path),
        None => Ok(File::default()),
    }
}

/// An environment variable's name and values; lists are separated by commas.
fn from_env(flag: &str, arg: &Arg) -> Option<(String, Result<Vec<String>, String>)> {
    let name = env_name(flag);
    let value = env::var_os(&name)?;
    let values = match value.into_string() {
        Ok(value) if value.trim().is_empty() => Err(format!("{name}: {UNSET_IT}")),
        Ok(value) if is_list(arg) => Ok(value.split(',').map(|item| item.trim().to_owned()).collect()),
        Ok(value) => Ok(vec![value]),
        Err(_) => Err(format!("{name}: it is not UTF-8")),
    };
    Some((name, values))
}

/// The equivalent command line arguments, after validation.
fn arguments(flag: &str, arg: &Arg, source: &str, values: &[String]) -> Result<Vec<String>, String> {
    if values.len() != 1 && !is_list(arg) {
        return Err(format!("{source}: write one value, not a list"));
    }
    let arguments = if matches!(arg.get_action(), ArgAction::SetTrue) {
        match values[0].as_str() {
            "true" | "1" => vec![format!("--{flag}")],
            "false" | "0" => vec![],
            other => return Err(format!("{source}: write true or false, not {other:?}")),
        }
    } else {
        values.iter().map(|value| format!("--{flag}={value}")).collect()
    };
    let probe = ServeArgs::augment_args(Command::new("probe").no_binary_name(true));
    match probe.try_get_matches_from(&arguments) {
        Ok(_) => Ok(arguments),
        Err(error) => {
            let said = line_without_secrets(&essence(&error.to_string()), values.iter().map(String::as_str));
            Err(format!("{source}: {said}"))
        }
    }
}

fn is_list(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

/// Clap's message on one line, without the `error:` prefix and the hint at `--help`.
fn essence(message: &str) -> String {
    let end = message.find("\nFor more information").unwrap_or(message.len());
    one_line(&message[..end]).trim_start_matches("error: ").to_owned()
}
