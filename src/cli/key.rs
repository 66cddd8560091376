use std::{env, path::Path};

use asset_arbiter::server::Secret;

/// Holds the key itself, for places that hand out secrets as variables.
const ADMIN_KEY: &str = "ASSET_ARBITER_ADMIN_KEY";

/// The admin key: from the file, or else from the environment.
pub(super) fn admin_key(file: Option<&Path>) -> Result<Option<Secret>, String> {
    let (text, source) = match file {
        Some(path) => (read(path)?, format!("--admin-key-file {}", path.display())),
        None => match env::var(ADMIN_KEY) {
            Ok(text) if !text.is_empty() => (text, ADMIN_KEY.to_owned()),
            Err(env::VarError::NotUnicode(_)) => return Err(format!("{ADMIN_KEY}: it is not UTF-8")),
            _ => return Ok(None),
        },
    };
    Secret::new(&text).map(Some).map_err(|error| format!("{source}: {error}"))
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| {
        format!("cannot read --admin-key-file {}: {error}; name a file that this user can read", path.display())
    })
}
