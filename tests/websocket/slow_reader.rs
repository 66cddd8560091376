//! A member that does not read slows nobody down, and gets a snapshot when it reads again.

use std::time::Duration;

use asset_arbiter::model::ServerMessage;

use crate::support::{Client, RoomView, Server, Socket, eventually};

const GRANTS: u64 = 100_000;

/// Selects and releases in one write, fewer than the room log holds.
const ROUND: u64 = 100;

/// Grants and releases of one unit by one player. Each round is sent when everyone who reads has heard the last
/// one whole; so nobody who reads falls behind by more than the room log.
async fn churn(player: &mut Client, witness: &mut Client, view: &mut RoomView, grants: u64) {
    let once = r#"{"type":"select_asset","asset":"sword"}"#;
    let back = r#"{"type":"release_asset","asset":"sword"}"#;
    let goal = view.grants + grants;
    while view.grants < goal {
        for _ in 0..ROUND {
            player.enqueue(once).await;
            player.enqueue(back).await;
        }
        player.flush().await;
        let (mut replies, mut frames, until) = (0, 0, view.grants + ROUND);
        while replies < 2 * ROUND || frames < 2 * ROUND {
            let text = player.text().await;
            replies +=
                u64::from(text.starts_with(r#"{"type":"selection""#) || text.starts_with(r#"{"type":"rel"#));
            frames += u64::from(text.starts_with(r#"{"type":"asset_"#));
        }
        while view.grants < until || view.unheld("sword") < 1 {
            view.follow(&witness.hear().await);
        }
    }
}

async fn server(write_timeout: Duration) -> Server {
    let server = Server::with(|setup| {
        setup.settings.write_timeout = write_timeout;
        setup.settings.in_flight = 256;
    })
    .await;
    server.create("r", "sword", 1).await;
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_gets_a_snapshot_and_slows_nobody_down() {
    let server = server(Duration::from_secs(600)).await;
    let mut player = server.join("r", "ann").await;
    let mut slow = Socket::open_narrow(server.address, "r/ws").await.welcomed().await;
    let mut witness = server.observe("r").await;
    let mut seen = RoomView::new(&witness.welcome);
    churn(&mut player, &mut witness, &mut seen, GRANTS).await;
    assert_eq!((seen.grants, seen.snapshots), (GRANTS, 0), "who reads gets every frame");

    let mut view = RoomView::new(&slow.welcome);
    assert!(player.gets("sword").await);
    while view.offset < slow.welcome.offset + 2 * GRANTS + 1 {
        view.follow(&slow.hear().await);
    }
    assert!(view.snapshots > 0, "it got a snapshot");
    assert!(view.grants < GRANTS, "not by sending it everything");
    assert!(view.agrees_with(&server.room("r").await), "{view:?}");
    assert_eq!(server.metric("asset_arbiter_healed_readers_total").await, view.snapshots as u64);
    player.release("sword", 1).await;
    slow.hear_until(|m| matches!(m, ServerMessage::AssetReleased { .. }).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_never_reads_again_is_cut_and_counted() {
    let server = server(Duration::from_millis(300)).await;
    let mut player = server.join("r", "ann").await;
    let _stuck = Socket::open_narrow(server.address, "r/ws?player=stuck").await.welcomed().await;
    let mut witness = server.observe("r").await;
    assert_eq!(witness.welcome.players, 2);
    let mut seen = RoomView::new(&witness.welcome);
    // What fills the kernel's buffers on the way is not known beforehand.
    while server.closes("4200").await == 0 {
        assert!(seen.grants < GRANTS, "it takes nothing, and is not cut");
        churn(&mut player, &mut witness, &mut seen, 1000).await;
    }
    eventually(1, || async { server.room("r").await.players }).await;
    assert_eq!((server.closes("4200").await, seen.snapshots), (1, 0), "nobody else is touched");
}
