use std::{process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

/// Nobody waits longer to be told.
const SOON: Duration = Duration::from_secs(15);

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
