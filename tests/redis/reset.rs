//! Two nodes on one Redis: a room is reset on one, and everybody plays on.

use asset_arbiter::model::ServerMessage;

use crate::{
    engines::redis,
    support::{Client, Process, call},
};

async fn is_whole(client: &mut Client) -> (u32, u64) {
    client
        .hear_until(|message| match message {
            &ServerMessage::AssetChanged { units, remaining, revision, .. } if units == remaining => {
                Some((units, revision))
            }
            _ => None,
        })
        .await
}

#[tokio::test]
async fn a_room_that_is_reset_on_one_node_is_whole_on_the_other() {
    for engine in redis::all() {
        let server = engine.start();
        let flags = ["--store", &server.url(), "--asset", "sword=1", "--resync-interval", "1h"];
        let (here, there) = (Process::start(&flags).await, Process::start(&flags).await);
        let (mut ann, mut bob) = (here.join("ann").await, there.join("bob").await);
        for round in 0..3 {
            let (winner, loser) = if round % 2 == 0 { (&mut ann, &mut bob) } else { (&mut bob, &mut ann) };
            assert!(winner.gets("sword").await && !loser.gets("sword").await, "round {round}");
            let answer = call(there.address, "POST", "/v1/rooms/r/reset", "").await;
            assert!(answer.ends_with(r#"{"room":"r","reset":["sword"]}"#), "{answer}");
            for client in [&mut ann, &mut bob] {
                assert_eq!(is_whole(client).await, (1, 2 * round + 2));
            }
        }
        let room = here.get("/v1/rooms/r").await;
        assert!(room.contains(r#""players":2"#) && room.contains(r#""held":0"#), "{room}");
    }
}
