use std::time::Instant;

use asset_arbiter::{
    model::{ErrorCode, ServerMessage},
    server::Secret,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    counted,
    from::From,
    limited,
    support::{Server, Socket, soon},
};

const PER_SECOND: u32 = 5;
const FLOOD: usize = 200;

/// How many may have passed since `start`: a second's worth at once, then the rate.
fn at_most(start: Instant) -> usize {
    (f64::from(PER_SECOND) * (1.0 + start.elapsed().as_secs_f64())).ceil() as usize
}

/// Sends many selects, and counts those that are not refused as too fast.
async fn passed(socket: &mut Socket) -> usize {
    let flood: Vec<u8> = (0..FLOOD).flat_map(|n| crate::support::select("sword", n)).collect();
    socket.raw(&flood).await;
    let mut passed = 0;
    for _ in 0..FLOOD {
        match socket.reply().await {
            ServerMessage::Selection { .. } => passed += 1,
            ServerMessage::Error { code: ErrorCode::RateLimited, message, .. } => {
                assert!(message.contains("--selects-per-second"), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
    passed
}

/// The statuses of many selects on one kept connection.
async fn statuses(server: &Server, headers: &str) -> (usize, usize) {
    let mut stream = server.connect().await;
    let body = r#"{"player":"ann"}"#;
    let request = |last: &str| {
        format!(
            "POST /v1/rooms/r/assets/sword/select HTTP/1.1\r\nHost: x\r\n{headers}{last}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let flood = request("").repeat(FLOOD - 1) + &request("Connection: close\r\n");
    stream.write_all(flood.as_bytes()).await.unwrap();
    let mut answers = String::new();
    soon("the answers", stream.read_to_string(&mut answers)).await.unwrap();
    let [granted, refused] = ["200 OK", "429 Too Many Requests"].map(|status| answers.matches(status).count());
    assert_eq!(answers.matches(r#""code":"rate_limited""#).count(), refused);
    (granted, refused)
}

#[tokio::test]
async fn a_player_has_one_rate_over_all_its_connections() {
    let server = limited(|settings| settings.selects_per_second_per_player = PER_SECOND).await;
    server.create("r", "sword", 9).await;
    let start = Instant::now();
    let mut sum = 0;
    for address in ["127.0.0.2", "127.0.0.3"] {
        sum += passed(&mut From::address(&server, address).join("ann").await.unwrap()).await;
    }
    sum += statuses(&server, "").await.0;
    assert!((PER_SECOND as usize..=at_most(start)).contains(&sum), "{sum} in {:?}", start.elapsed());
    assert!(passed(&mut From::address(&server, "127.0.0.2").join("bob").await.unwrap()).await > 0);
    let answer = From::address(&server, "127.0.0.2").select("cleo").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(counted(&server, "selects_per_second_per_player", "refused").await > FLOOD as u64);
}

#[tokio::test]
async fn a_connection_has_its_rate_over_http_too() {
    let server = limited(|settings| settings.selects_per_second = PER_SECOND).await;
    server.create("r", "sword", 9).await;
    let start = Instant::now();
    let (granted, refused) = statuses(&server, "").await;
    assert_eq!(granted + refused, FLOOD);
    assert!((PER_SECOND as usize..=at_most(start)).contains(&granted), "{granted} in {:?}", start.elapsed());
    assert_eq!(counted(&server, "selects_per_second", "refused").await, refused as u64);
    assert!(statuses(&server, "").await.0 > 0, "another connection has its own");
    let start = Instant::now();
    let granted = passed(&mut From::address(&server, "127.0.0.2").join("ann").await.unwrap()).await;
    assert!((PER_SECOND as usize..=at_most(start)).contains(&granted), "{granted} in {:?}", start.elapsed());
}

#[tokio::test]
async fn who_shows_the_admin_key_acts_for_any_number_of_players() {
    let server = limited(|settings| {
        settings.selects_per_second = 1;
        settings.selects_per_second_per_player = 1;
        settings.admin_key = Some(Secret::new("hunter2").unwrap());
    })
    .await;
    server.create("r", "sword", 9).await;
    assert_eq!(statuses(&server, "Authorization: Bearer hunter2\r\n").await, (FLOOD, 0));
    let (granted, refused) = statuses(&server, "Authorization: Bearer wrong\r\n").await;
    assert_eq!((granted, refused), (0, 0), "it is unauthorized");
}
