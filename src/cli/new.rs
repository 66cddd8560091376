//! The `new` command: writes a small game to begin with.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use rust_embed::Embed;

use super::{failed, say};

/// Every file of the game.
#[derive(Embed)]
#[folder = "starter/"]
struct Starter;

/// Stands for the version of the client library, which is the server's.
const VERSION: &str = "\"VERSION\"";

/// The flags of `new`.
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// Write the game here: a new folder, or an empty one
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Writes the game and prints what to do with it.
pub(super) fn run(args: &NewArgs) -> ExitCode {
    let dir = &args.dir;
    match check(dir).and_then(|()| write(dir)) {
        Ok(()) => {
            say::result(next_steps(dir));
            ExitCode::SUCCESS
        }
        Err(why) => failed(&[why], 1),
    }
}

/// Nothing of the user's is overwritten or mixed with the game.
fn check(dir: &Path) -> Result<(), String> {
    let shown = dir.display();
    match fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(Ok(entry)) => {
                let name = entry.file_name();
                Err(format!("{shown} is not empty, it has {}: name a new folder", name.to_string_lossy()))
            }
            Some(Err(error)) => Err(format!("cannot read {shown}: {error}")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(format!("{shown} is a file, or lies below one: name a new folder"))
        }
        Err(error) => Err(format!("cannot read {shown}: {error}")),
    }
}

fn write(dir: &Path) -> Result<(), String> {
    for name in Starter::iter() {
        let Some(file) = Starter::get(&name) else { continue };
        let path = dir.join(&*name);
        let folder = path.parent().unwrap_or(dir);
        let text = String::from_utf8_lossy(&file.data)
            .replace(VERSION, concat!("\"", env!("CARGO_PKG_VERSION"), "\""));
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
        written.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}

/// The commands as this one was typed.
fn next_steps(dir: &Path) -> String {
    let program = env::args().next().unwrap_or_else(|| "asset-arbiter".to_owned());
    let shown = dir.display();
    format!(
        "{shown} is a game. Start the server in this terminal:\n\n  {program} serve --auto-create 1\n\nand the page in \
         another one:\n\n  cd {shown}\n  npm install\n  npm run dev\n\nThen open the address that it prints in two \
         windows.\n"
    )
}
