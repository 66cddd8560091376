//! The keys of player tokens, from the files that the flags name.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use asset_arbiter::server::{JwksUrl, KeyId, SigningKey, TokenKey, TokenSettings};

use super::serve_args::ServeArgs;

/// A `--token-key`: the key's id and its file.
#[derive(Debug, Clone)]
pub(crate) struct KeyFile {
    pub(crate) id: KeyId,
    pub(crate) path: PathBuf,
}

/// Parses `ID=FILE`.
pub(super) fn key_file(text: &str) -> Result<KeyFile, String> {
    const FORM: &str = "write ID=FILE such as key-1=key-1.public.pem";
    let (id, path) = text.split_once('=').ok_or(FORM)?;
    if path.is_empty() {
        return Err(FORM.to_owned());
    }
    Ok(KeyFile { id: KeyId::parse(id).map_err(|error| error.to_string())?, path: path.into() })
}

/// How tokens are verified.
///
/// # Errors
/// All errors found, one line each.
pub(super) fn token_settings(args: &ServeArgs) -> Result<TokenSettings, Vec<String>> {
    let (keys, mut found) = token_keys(&args.token_key);
    let jwks = args.token_jwks.as_deref().map(|url| JwksUrl::parse(url, args.insecure));
    let jwks = jwks.transpose().unwrap_or_else(|error| {
        found.push(format!("cannot use --token-jwks: {error}"));
        None
    });
    if found.is_empty() { Ok(TokenSettings { keys, jwks, max_age: args.token_max_age }) } else { Err(found) }
}

/// Reads the key files. Returns the usable keys, and an error for every other file.
pub(super) fn token_keys(files: &[KeyFile]) -> (Vec<TokenKey>, Vec<String>) {
    let (mut keys, mut found, mut ids) = (Vec::new(), Vec::new(), HashSet::new());
    for KeyFile { id, path } in files {
        if !ids.insert(id) {
            found.push(format!("--token-key: {id} is given twice"));
            continue;
        }
        let shown = path.display();
        let content = fs::read(path).map_err(|error| format!("cannot read it: {error}"));
        let key = content.and_then(|text| TokenKey::new(id.clone(), &text).map_err(|error| error.to_string()));
        match key {
            Ok(key) => keys.push(key),
            Err(why) => found.push(format!("--token-key {id}={shown}: {why}")),
        }
    }
    (keys, found)
}

/// Reads the key that `flag` names, to sign tokens for development.
///
/// # Errors
/// One line.
pub(super) fn signing_key(flag: &str, KeyFile { id, path }: &KeyFile) -> Result<SigningKey, String> {
    let content = fs::read(path).map_err(|error| format!("cannot read it: {error}"));
    let key = content.and_then(|text| SigningKey::new(id.clone(), &text).map_err(|error| error.to_string()));
    key.map_err(|why| format!("{flag} {id}={}: {why}", path.display()))
}

/// The files of keys that can sign.
pub(super) fn secret_files(args: &ServeArgs) -> impl Iterator<Item = &Path> {
    let is_secret = |file: &&KeyFile| {
        let key = fs::read(&file.path).ok().and_then(|text| TokenKey::new(file.id.clone(), &text).ok());
        key.is_some_and(|key| key.is_secret())
    };
    args.token_key.iter().filter(is_secret).map(|file| &*file.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_an_id_and_a_file() {
        let KeyFile { id, path } = key_file("key-1=a=b.pem").unwrap();
        assert_eq!((id.as_str(), path.to_str()), ("key-1", Some("a=b.pem")));
        for text in ["", "key.pem", "=key.pem", "key-1=", "a b=key.pem", "a/b=key.pem"] {
            assert!(key_file(text).is_err(), "{text}");
        }
    }
}
