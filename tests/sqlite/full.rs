use std::{process::Command, time::Duration};

use asset_arbiter::store::{StoreErrorKind, Verdict};
use rlimit::Resource;
use tokio::time::timeout;

use crate::{
    child::{child, file_of_child, this_binary},
    conformance::ground::{Ground, Node, asset, granted, player, refusal},
    support::eventually,
    temp_db::{TempDb, open_file},
};

/// A disk that takes no more, in a process of its own: a limit on the size of its files, past which a write
/// fails as on a full disk (with the signal ignored that would end the process).
#[test]
fn a_full_disk_is_an_error_and_nothing_is_lost() {
    let db_file = TempDb::new();
    let fills = child(&this_binary(), "full::fills_its_disk", &db_file.file());
    let mut unsignalled = Command::new("sh");
    unsignalled
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(fills.get_program())
        .args(fills.get_args());
    unsignalled.envs(fills.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = unsignalled.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "needs a process that a parent prepares"]
async fn fills_its_disk() {
    let Some(file) = file_of_child() else { return };
    let (node, sword) = (Node::new(), asset("sword"));
    let ground = Ground::new(open_file(&file).unwrap());
    ground.create(node.next(), &sword, 1_000_000).await;

    let logged = std::fs::metadata(format!("{}-wal", file.display())).unwrap().len();
    let (_, most) = Resource::FSIZE.get().unwrap();
    Resource::FSIZE.set(logged + 200_000, most).unwrap();
    let mut told = 0;
    let failed = loop {
        let (call, who) = (node.next(), [player(&format!("p-{told}"))]);
        match ground.store.select(call, &ground.key(&sword), &who, None).await {
            Ok(selected) => assert_eq!(selected.verdicts, [granted(told + 1)]),
            Err(error) => break (call, who, error),
        }
        told += 1;
    };
    let (call, who, error) = failed;
    assert_eq!(error.kind(), StoreErrorKind::OutcomeUnknown, "{error:?}");
    let reason = std::error::Error::source(&error).unwrap().to_string();
    assert!(error.message().contains(&reason), "the operator reads why: {error}");
    assert!(ground.store.status().unwrap_err().message().contains(&reason), "it is not ready");
    assert!(ground.store.ping().await.unwrap_err().message().contains(&reason), "a ping writes");
    assert!(told > 10);
    for _ in 0..3 {
        let again = ground.store.select(call, &ground.key(&sword), &who, None).await;
        assert_eq!(refusal(again), StoreErrorKind::OutcomeUnknown, "as long as it is full");
        assert_eq!(ground.state(&sword).await.held as u64, told, "what was told is there");
    }
    let held = ground.select(Node::new().next(), &sword, &[player("p-0")]).await;
    assert_eq!(
        held.verdicts,
        [Verdict::AlreadyHeld { revision: 1, until: None }],
        "what writes nothing is answered"
    );

    Resource::FSIZE.set(most, most).unwrap();
    ready_again(&ground).await;
    ground.store.ping().await.unwrap();
    let again = ground.select(call, &sword, &who).await;
    assert_eq!((&*again.verdicts, again.is_repeat()), (&[granted(told + 1)][..], false));
    expect_all(&ground, told + 1).await;
    let room = ground.room.clone();
    drop(ground);
    let ground = Ground { store: open_file(&file).unwrap(), room };
    expect_all(&ground, told + 1).await;
}

/// Also when nobody asks.
pub(crate) async fn ready_again(ground: &Ground) {
    let ready = timeout(Duration::from_secs(5), eventually(true, async || ground.store.status().is_ok())).await;
    assert!(ready.is_ok(), "{:?}", ground.store.status());
}

async fn expect_all(ground: &Ground, told: u64) {
    let holders = ground.holders(&asset("sword")).await;
    assert_eq!(holders.len() as u64, told);
    for (number, grant) in (0..).zip(holders) {
        assert_eq!((grant.player, grant.revision), (player(&format!("p-{number}")), number + 1));
    }
}
