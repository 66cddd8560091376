use std::time::Instant;

use asset_arbiter::store::{StoreError, StoreErrorKind, open};
use futures::future::join_all;

use super::{AT_ONCE, FOR_EVER, store};
use crate::{
    conformance::ground::{Ground, Node, asset},
    engines::eventually,
    support::Process,
};

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

/// A store that is reached sooner or later does everything.
pub async fn serves(url: &str) {
    let (ground, node) = (Ground::new(store(url).await), Node::new());
    ground.create(node.next(), &asset("sword"), 1).await;
    ground.remove(node.next(), &asset("sword")).await;
    ground.store.remove_room(&ground.room).await.unwrap();
}

/// Stores that are dropped leave no connection open.
pub async fn dropped_stores_leave_no_connection(url: &str, connections: impl AsyncFn() -> usize) {
    let before = connections().await;
    let stores = join_all((0..3).map(|_| store(url))).await;
    assert!(connections().await >= before + 3);
    drop(stores);
    eventually("them to be gone", async || (connections().await <= before).then_some(())).await;
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
    let said = Process::fails(&["--store", url], env).await;
    assert!(said.contains(words), "{words:?} is not in {said}");
}
