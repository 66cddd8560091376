use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use asset_arbiter::store::{StoreError, StoreErrorKind, open};
use tokio::{process::Command, time::timeout};

use super::{AT_ONCE, FOR_EVER};
use crate::engines::eventually;

/// Nobody waits longer to be told.
const SOON: Duration = Duration::from_secs(15);

/// What a store that is away says once it knows why: one line, which begins with the store's name and has `words` in it,
/// and no password.
pub async fn says(url: &str, words: &str) -> StoreError {
    says_as(StoreErrorKind::Unavailable, url, words).await
}

/// The same of an error of a kind.
pub async fn says_as(kind: StoreErrorKind, url: &str, words: &str) -> StoreError {
    let since = Instant::now();
    let store = open(url, FOR_EVER).unwrap();
    assert!(since.elapsed() < AT_ONCE, "opening waits for nobody");
    let what = format!("{words:?} to be said");
    let said = eventually(&what, async || {
        let error = store.ping().await.expect_err("it cannot be reached");
        assert_eq!(error.kind(), kind, "{error}");
        Some(error).filter(|said| said.to_string().contains(words))
    });
    let said = said.await;
    let (line, whole) = (said.to_string(), format!("{said:?}"));
    let name = url.split(['+', ':']).next().unwrap_or_default();
    assert!(line.starts_with(&format!("{name}: ")) && !line.contains('\n'), "one line: {line}");
    assert!(!line.contains("hunter2") && !whole.contains("hunter2"), "{whole}");
    said
}

/// What is wrong with a URL: known at once, and without its password.
pub fn says_at_once(url: &str) -> String {
    let error = open(url, FOR_EVER).err().expect(url);
    let said = format!("{error} {error:?}");
    assert!(!said.contains("hunter2"), "{said}");
    said
}

/// The binary on a store that can never work ends with 1 and one line that has these words in it.
pub async fn ends_with(url: &str, words: &str) {
    ends_with_env(url, &[], words).await;
}

/// The same with more in its environment.
pub async fn ends_with_env(url: &str, env: &[(&str, &str)], words: &str) {
    let process = Command::new(env!("CARGO_BIN_EXE_asset-arbiter"))
        .args(["--listen", "127.0.0.1:0", "--log-level", "off", "--store", url])
        .envs(env.iter().copied())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let output = timeout(SOON, process.wait_with_output()).await.expect("it does not take long").unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.lines().count() == 1 && said.contains(words), "{words:?} is not in {said}");
    assert!(!said.contains("hunter2"), "{said}");
}
