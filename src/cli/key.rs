//! The operators' keys, and checks of files with secrets.

use std::{
    env,
    path::{Path, PathBuf},
};

use asset_arbiter::server::Secret;

use super::{environment::env_name, serve_args::ServeArgs, tokens::secret_files};

/// The variables with the keys themselves, for platforms that provide secrets as environment variables.
pub(super) const ADMIN_KEY: &str = "ASSET_ARBITER_ADMIN_KEY";
const VIEWER_KEY: &str = "ASSET_ARBITER_VIEWER_KEY";
/// The variables that belong to no flag.
pub(super) const KEYS: [&str; 2] = [ADMIN_KEY, VIEWER_KEY];
/// Advice for a variable that is set but empty.
pub(super) const UNSET_IT: &str = "it is set, and empty: give it a value, or unset it";

/// The operators' keys, each from its file, or else from the environment.
#[derive(Debug)]
pub(super) struct OperatorKeys {
    pub(super) admin: Option<Secret>,
    pub(super) viewer: Option<Secret>,
}

impl OperatorKeys {
    /// Reads the keys.
    ///
    /// # Errors
    /// All errors found, one line each.
    pub(super) fn read(args: &ServeArgs) -> Result<Self, Vec<String>> {
        let admin = operator_key("--admin-key-file", args.admin_key_file.as_deref(), ADMIN_KEY);
        let viewer = operator_key("--viewer-key-file", args.viewer_key_file.as_deref(), VIEWER_KEY);
        match (admin, viewer) {
            (Ok(admin), Ok(viewer)) => Ok(Self { admin, viewer }),
            (admin, viewer) => Err([admin.err(), viewer.err()].into_iter().flatten().collect()),
        }
    }
}

fn operator_key(flag: &str, file: Option<&Path>, variable: &str) -> Result<Option<Secret>, String> {
    // An empty variable is an error even if there is a file, because a key was intended.
    let given = given_key(variable)?;
    let (text, source) = match (file, given) {
        (Some(path), _) => (read(flag, path)?, format!("{flag} {}", path.display())),
        (None, Some(text)) => (text, variable.to_owned()),
        (None, None) => return Ok(None),
    };
    Secret::new(&text).map(Some).map_err(|error| format!("{source}: {error}"))
}

/// The key from the environment.
///
/// # Errors
/// The variable is empty or not UTF-8.
pub(super) fn given_key(variable: &str) -> Result<Option<String>, String> {
    match env::var(variable) {
        Ok(text) if text.trim().is_empty() => Err(format!("{variable}: {UNSET_IT}")),
        Ok(text) => Ok(Some(text)),
        Err(env::VarError::NotUnicode(_)) => Err(format!("{variable}: it is not UTF-8")),
        Err(env::VarError::NotPresent) => Ok(None),
    }
}

/// Warnings about files with secrets that other users may read or write.
pub(super) fn loose_files(args: &ServeArgs) -> Vec<String> {
    let config = args.config.clone().or_else(|| env::var_os(env_name("config")).map(Into::into));
    let secret = |file: &PathBuf| std::fs::read_to_string(file).is_ok_and(|text| text.contains('@'));
    let config = config.filter(secret);
    let files = [
        ("--admin-key-file", args.admin_key_file.clone()),
        ("--viewer-key-file", args.viewer_key_file.clone()),
        ("--tls-key", args.tls_key.clone()),
        ("--webhook-secret-file", args.webhook_secret_file.clone()),
        ("--config", config),
    ];
    let files = files.into_iter().filter_map(|(flag, file)| loose(flag, &file?));
    files.chain(secret_files(args).filter_map(|file| loose("--token-key", file))).collect()
}

#[cfg(unix)]
fn loose(flag: &str, file: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(file).ok()?.permissions().mode() & 0o777;
    let name = file.display();
    (mode & 0o077 != 0).then(|| {
        format!(
            "{flag} {name} holds a secret, and others than its owner may read or write it (mode {mode:03o}): chmod 600 {name}"
        )
    })
}

#[cfg(not(unix))]
fn loose(_flag: &str, _file: &Path) -> Option<String> {
    None
}

fn read(flag: &str, path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| {
        format!("cannot read {flag} {}: {error}; name a file that this user can read", path.display())
    })
}
