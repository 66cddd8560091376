use futures::future::join_all;

use crate::{counted, from::From, limited};

#[tokio::test]
async fn a_dry_run_counts_and_refuses_nobody() {
    let server = limited(|settings| {
        settings.connections_per_address = 1;
        settings.joins_per_minute_per_address = 1;
        settings.selects_per_second_per_player = 1;
        settings.selects_per_second = 1;
        settings.limits_dry_run = true;
    })
    .await;
    server.create("r", "sword", 1).await;
    let one = From::address(&server, "127.0.0.2");
    let joined = join_all((0..20).map(|_| one.join("ann"))).await;
    for member in joined {
        let mut member = member.unwrap();
        assert!(member.gets("sword").await && member.gets("sword").await);
    }
    for _ in 0..20 {
        let answer = one.select("ann").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    for limit in [
        "connections_per_address",
        "joins_per_minute_per_address",
        "selects_per_second_per_player",
        "selects_per_second",
    ] {
        assert!(counted(&server, limit, "allowed").await >= 10, "{limit}");
        assert_eq!(counted(&server, limit, "refused").await, 0, "{limit}");
    }
}
