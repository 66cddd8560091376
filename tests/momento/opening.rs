//! What cannot work is said in one line that says what to do, and ends the program; and no line has a key in it.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use asset_arbiter::store::{StoreErrorKind, open};
use tokio::{net::TcpListener, process::Command, time::sleep};
use tonic::Code;

use crate::{
    engines::momento::{CACHE, Fault, Momento, url},
    ground::{at, momento},
    remote::{
        AT_ONCE, FOR_EVER,
        opening::{ends_with_env, says},
        operator::{Operator, waits_for_a_name},
    },
    support::Process,
};

/// A key of the kind that does not say where; nobody signed it.
const KEY: &str = "aGVhZA.eyJ0IjoiZyJ9.hunter2";

/// That the program ends with one line that has `words` in it, given this key.
async fn ends(store: &str, key: &str, words: &str) {
    ends_with_env(store, &[("MOMENTO_API_KEY", key), ("MOMENTO_ENDPOINT", "")], words).await;
}

#[tokio::test]
async fn a_missing_key_says_where_to_get_one() {
    ends("momento://game", "", "set MOMENTO_API_KEY").await;
    ends("momento://game", "hunter2", "copy it again").await;
    ends("momento://game", KEY, "set MOMENTO_ENDPOINT").await;
    ends("momento://hunter2@game", "", "give it in MOMENTO_API_KEY").await;
}

#[tokio::test]
async fn a_wrong_key_ends_it_and_a_right_one_does_not() {
    if momento().await.is_none() {
        return;
    }
    let locked = Momento::start_locked(KEY).await;
    ends(&locked.url(), "hunter2.hunter2.hunter2", "refuses the API key").await;
    let mut serving = Process::start_with_env(&["--store", &locked.url()], &[("MOMENTO_API_KEY", KEY)]).await;
    sleep(Duration::from_secs(2)).await;
    assert!(serving.child.try_wait().unwrap().is_none(), "it serves until it is killed");
    assert!(locked.requests("get") > 0, "and asks the cache whether it is there");
}

#[tokio::test]
async fn the_banner_says_what_a_cache_cannot_promise() {
    let Some(momento) = momento().await else { return };
    let mut command = Command::new(Process::program());
    let args = ["--listen", "127.0.0.1:0", "--log-format", "json", "--store", &momento.url()];
    command.args(args).stdout(Stdio::piped());
    let process = Process::spawn(command).await;
    process.terminate().await;
    let said = process.ended().await.stdout;
    assert!(
        said.contains("  awards exactly once while the cache keeps") && said.contains("is forgotten"),
        "{said}"
    );
}

#[tokio::test]
async fn a_missing_cache_says_how_to_make_it() {
    let Some(momento) = momento().await else { return };
    ends(&url("other", momento.address), "", "momento cache create --name other").await;
}

#[tokio::test]
async fn a_key_that_may_not_write_any_more_is_reported_and_at_the_start_it_ends_the_program() {
    let Some(momento) = momento().await else { return };
    let operator = Operator::of(&momento.url()).await;
    momento.always("set_if", Fault::Refused(Code::PermissionDenied));
    operator.sees("no_permission", "the API key may not do this").await;
    ends(&momento.url(), "", "make one that may read and write cache").await;
    momento.be_gentle();
    operator.recovers().await;
    momento.always("set_if", Fault::Refused(Code::ResourceExhausted));
    operator.keeps_ready_while_away("throttled").await;
}

#[tokio::test]
async fn a_host_that_is_not_there_is_said() {
    waits_for_a_name("momento://game?endpoint=https://no-such-host.invalid", &[("MOMENTO_API_KEY", KEY)]).await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let said = says(&at(nobody), &format!("cannot connect to http://{nobody}: Connection refused")).await;
    assert!(!said.is_hopeless(), "it may come: {said}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_said() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let since = Instant::now();
    let store = open(&at(mute.local_addr().unwrap()), FOR_EVER).unwrap();
    assert!(since.elapsed() < AT_ONCE, "opening waits for nobody");
    let error = store.ping().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
}

/// A select that creates would award again what the cache forgot.
#[tokio::test]
async fn what_creates_by_itself_does_not_go_with_a_store_that_forgets() {
    let Some(momento) = momento().await else { return };
    for flags in [["--auto-create", "3"], ["--asset", "sword=3"]] {
        let url = momento.url();
        let said = Process::fails(&[&["--store", &url], &flags[..]].concat(), &[]).await;
        assert!(said.contains("forgets by itself"), "{said}");
    }
}

#[tokio::test]
async fn a_bad_url_is_said_at_once() {
    for (url, part) in [
        ("momento://", "name is missing"),
        ("momento://game?weight=1", "endpoint and ttl"),
        ("momento://game?endpoint=http://example.com", "this machine only"),
        ("momento://game?ttl=2d", "at most 24h"),
    ] {
        let error = open(url, FOR_EVER).err().expect(url);
        let said = format!("{error} {error:?}");
        assert!(said.contains(part) && error.is_hopeless(), "{said}");
    }
    let here = format!("momento://{CACHE}?endpoint=http://127.0.0.1:1");
    let error = std::thread::spawn(move || open(&here, FOR_EVER).err()).join().unwrap().unwrap();
    assert!(error.to_string().contains("tokio runtime"), "{error}");
}
