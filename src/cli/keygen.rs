//! The `keygen` command: a key for player tokens, for development.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use asset_arbiter::server::{KeyId, NewKey, TokenAlgorithm};
use clap::ValueEnum;

use super::{failed, say};

/// Which key to make, and where.
#[derive(Debug, clap::Args)]
pub(crate) struct KeygenArgs {
    /// What the key is for
    #[arg(long, value_enum, value_name = "NAME", default_value_t = Algorithm::EdDsa)]
    algorithm: Algorithm,
    /// Write PREFIX.private.pem and PREFIX.public.pem, or PREFIX.secret for HS256
    #[arg(value_name = "PREFIX")]
    prefix: PathBuf,
}

/// The algorithms of new keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Algorithm {
    /// Ed25519; signs with a private key
    #[value(name = "EdDSA")]
    EdDsa,
    /// ECDSA on P-256; signs with a private key
    #[value(name = "ES256")]
    Es256,
    /// HMAC; the same secret signs and verifies
    #[value(name = "HS256")]
    Hs256,
}

/// Writes the files of a new key and prints the flag that uses it. Overwrites nothing.
pub(super) fn run(args: &KeygenArgs) -> ExitCode {
    match generate(args) {
        Ok(text) => {
            say::result(text);
            ExitCode::SUCCESS
        }
        Err(problem) => failed(&[problem], 1),
    }
}

fn generate(args: &KeygenArgs) -> Result<String, String> {
    let algorithm = match args.algorithm {
        Algorithm::EdDsa => TokenAlgorithm::EdDSA,
        Algorithm::Es256 => TokenAlgorithm::ES256,
        Algorithm::Hs256 => TokenAlgorithm::HS256,
    };
    let NewKey { private, public } = NewKey::generate(algorithm)?;
    let file = |end: &str| {
        let mut name = args.prefix.clone().into_os_string();
        name.push(end);
        PathBuf::from(name)
    };
    let id = args.prefix.file_name().and_then(|name| KeyId::parse(name.to_str()?).ok());
    let id = id.as_ref().map_or("key-1", KeyId::as_str);
    let Some(public) = public else {
        let secret = file(".secret");
        create(&secret, &private, 0o600)?;
        let secret = secret.display();
        return Ok(format!(
            "wrote {secret}, which signs and verifies\nserve with: --token-key {id}={secret}\n"
        ));
    };
    let (private_file, public_file) = (file(".private.pem"), file(".public.pem"));
    create(&private_file, &private, 0o600)?;
    create(&public_file, &public, 0o644).inspect_err(|_| {
        // Half of a key is of no use.
        let _ = fs::remove_file(&private_file);
    })?;
    let (private_file, public_file) = (private_file.display(), public_file.display());
    Ok(format!(
        "wrote {private_file}, which signs, and {public_file}, which verifies\nserve with: --token-key {id}={public_file}\n"
    ))
}

fn create(path: &Path, content: &str, mode: u32) -> Result<(), String> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    restrict(&mut options, mode);
    let written = options.open(path).and_then(|mut file| file.write_all(content.as_bytes()));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))
}

#[cfg(unix)]
fn restrict(options: &mut OpenOptions, mode: u32) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(mode);
}

#[cfg(not(unix))]
fn restrict(_options: &mut OpenOptions, _mode: u32) {}
