//! A store that loses everything under a node's feet, whatever engine it is.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use asset_arbiter::model::{AssetState, ErrorCode, ServerMessage};

use crate::support::{Client, Process, call, eventually};

/// How assets come to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// By their first select: the sword, the bow and the shield as templates, all others by `--auto-create`.
    BySelect,
    /// By an operator: not every store can do the other.
    ByOperator,
}

const TEMPLATES: [&str; 8] =
    ["--asset", "sword=1", "--asset", "bow=1", "--asset", "shield=1", "--auto-create", "1"];
const REGRESSIONS: &str = "asset_arbiter_regressions_total";

/// Members were told that the only unit is gone; then `empty` has the store forget everything. No unit goes out that was
/// given away before, the loss is counted, logged and told, and nothing is made by itself until an operator removed the
/// room.
pub async fn is_noticed_and_nothing_is_given_away_twice(url: &str, made: Made, empty: impl AsyncFnOnce()) {
    let flags: &[&str] = if made == Made::BySelect { &TEMPLATES } else { &[] };
    // No comparison comes in time: the select itself has to notice.
    let node = Process::start(&[&["--store", url, "--resync-interval", "1h"], flags].concat()).await;
    if made == Made::ByOperator {
        assert_eq!(operate(&node, "PUT", "/assets/sword", r#"{"units":1}"#).await, 201);
        assert_eq!(operate(&node, "PUT", "/assets/crown", r#"{"units":1}"#).await, 201);
    }
    let (mut ann, mut bob) = (node.join("ann").await, node.join("bob").await);
    assert!(ann.gets("sword").await && ann.gets("crown").await, "{url}");
    assert!(!bob.gets("sword").await && !bob.gets("crown").await, "{url}");

    empty().await;
    assert_eq!(
        answer(&mut bob, "sword").await,
        Err(ErrorCode::UnknownAsset),
        "{url}: it was given away before"
    );
    assert_eq!(node.metric(REGRESSIONS).await, 1, "{url}: the loss is noticed before the answer");
    eventually(true, async || node.has_logged("the store went back")).await;
    assert_eq!(ann.hear_until(shown).await, [], "{url}: what is left is told, and nothing that nobody can get");
    for asset in ["sword", "crown", "bow"] {
        assert_eq!(answer(&mut ann, asset).await, Err(ErrorCode::UnknownAsset), "{url}: {asset}");
        let over_http = operate(&node, "POST", &format!("/assets/{asset}/select"), r#"{"player":"cid"}"#).await;
        assert_eq!(over_http, 404, "{url}: {asset}");
    }
    assert_eq!(operate(&node, "PUT", "/assets/sword", r#"{"units":1}"#).await, 201, "{url}: an operator may");
    assert_eq!(answer(&mut bob, "sword").await, Ok(true), "{url}");
    assert_eq!(answer(&mut bob, "shield").await, Err(ErrorCode::UnknownAsset), "{url}: but nobody else");

    assert_eq!(operate(&node, "DELETE", "", "").await, 200, "{url}");
    drop((ann, bob));
    let mut dan = node.join("dan").await;
    let anew = if made == Made::BySelect { Ok(true) } else { Err(ErrorCode::UnknownAsset) };
    assert_eq!(answer(&mut dan, "crown").await, anew, "{url}: the room begins anew");
    assert_eq!(node.metric(REGRESSIONS).await, 1, "{url}: it is counted once");
    node.end().await;
}

/// Whether a select was granted, asked again while the store is away.
async fn answer(client: &mut Client, asset: &str) -> Result<bool, ErrorCode> {
    loop {
        match client.selects(asset).await {
            ServerMessage::Selection { granted, .. } => return Ok(granted),
            ServerMessage::Error { code, .. } if code.temporary() => {}
            ServerMessage::Error { code, .. } => return Err(code),
            other => panic!("no answer to a select: {other:?}"),
        }
    }
}

pub fn shown(message: &ServerMessage) -> Option<Vec<AssetState>> {
    let ServerMessage::Snapshot { assets, .. } = message else { return None };
    Some(assets.clone())
}

/// The status of an operator's request about the room.
async fn operate(node: &Process, method: &str, path: &str, body: &str) -> u16 {
    let answer = call(node.address, method, &format!("/v1/rooms/r{path}"), body).await;
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
}
