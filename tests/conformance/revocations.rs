use std::{collections::HashSet, fmt::Display, time::SystemTime};

use asset_arbiter::model::{
    Millis, Revocation, Revoked,
    limits::{KID_LEN, TOKEN_ID_LEN},
};
use futures::future::join_all;

use super::ground::{Ground, player};

super::properties![
    a_revocation_is_read_once_it_is_added,
    a_repeated_revocation_is_one,
    a_revocation_that_has_ended_is_gone,
    revocations_that_differ_in_one_field_are_two,
    a_player_a_token_and_a_key_of_one_name_are_three,
    revocations_of_the_longest_and_strangest_names_are_kept,
    a_removed_room_leaves_revocations,
    revocations_of_many_nodes_are_all_kept,
    hundreds_of_revocations_are_all_read,
];

const HOUR: Millis = 3_600_000;

/// Everything that its text could be confused with in a store. Only a token's id may have all of these characters.
const STRANGE: [&str; 24] = [
    "'",
    "\"",
    "\\",
    "\\'; DROP TABLE assets; --",
    "\0",
    "a\0",
    "a\0b",
    "a",
    "A",
    "a ",
    " a",
    "a\t\r\n",
    "%",
    "_",
    "%00",
    "\u{e9}",
    "e\u{301}",
    "\u{e8}",
    "\u{1f5e1}\u{fe0f}",
    "\u{feff}",
    "{\"player\":\"a\"}",
    "$set",
    "_.:|@+=~-",
    "room/asset",
];

/// The time of the machine, by which stores may delete what has ended.
fn now() -> Millis {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as Millis
}

/// Stores are shared, and revocations belong to no room: these are named after the room.
fn jti(ground: &Ground, name: impl Display) -> Revocation {
    let of = Revoked::Jti(format!("{}/{name}", ground.room).into());
    Revocation { of, issued_before: 7, until: now() + HOUR }
}

async fn revoke(ground: &Ground, revocation: &Revocation) {
    ground.store.revoke(revocation, now()).await.unwrap();
}

/// Those among `known` that are read, each of which must be read once.
async fn read(ground: &Ground, known: &[Revocation], at: Millis) -> HashSet<Revocation> {
    let (known, all): (HashSet<_>, _) = (known.iter().collect(), ground.store.revocations(at).await.unwrap());
    let mut found = HashSet::new();
    for revocation in all.into_iter().filter(|revocation| known.contains(revocation)) {
        assert!(revocation.until > at, "{revocation:?} has ended");
        assert!(found.insert(revocation.clone()), "{revocation:?} is read twice");
    }
    found
}

/// Adds revocations and reads every one.
async fn are_kept(ground: &Ground, all: &[Revocation]) {
    for revocation in all {
        revoke(ground, revocation).await;
    }
    let found = read(ground, all, now()).await;
    assert_eq!(found, all.iter().cloned().collect());
    assert_eq!(found.len(), all.len());
}

async fn a_revocation_is_read_once_it_is_added(ground: Ground) {
    let known = ["a", "b"].map(|name| jti(&ground, name));
    assert_eq!(read(&ground, &known, now()).await.len(), 0);
    revoke(&ground, &known[0]).await;
    assert_eq!(read(&ground, &known, now()).await, HashSet::from([known[0].clone()]));
    revoke(&ground, &known[1]).await;
    assert_eq!(read(&ground, &known, now()).await, HashSet::from(known));
}

async fn a_repeated_revocation_is_one(ground: Ground) {
    let known = [jti(&ground, "a")];
    for _ in 0..3 {
        revoke(&ground, &known[0]).await;
        assert_eq!(read(&ground, &known, now()).await.len(), 1);
    }
}

async fn a_revocation_that_has_ended_is_gone(ground: Ground) {
    let [ends, stays] = ["a", "b"].map(|name| jti(&ground, name));
    let stays = Revocation { until: ends.until + 1, ..stays };
    let known = [ends, stays];
    are_kept(&ground, &known).await;
    let [ends, stays] = known.clone().map(|revocation| revocation.until);
    assert_eq!(read(&ground, &known, ends - 1).await.len(), 2);
    assert_eq!(read(&ground, &known, ends).await, HashSet::from([known[1].clone()]));
    assert_eq!(read(&ground, &known, stays).await.len(), 0);
    // A later one is added when they have ended.
    let later = Revocation { until: stays + HOUR, ..jti(&ground, "c") };
    ground.store.revoke(&later, stays).await.unwrap();
    let known = known.into_iter().chain([later.clone()]).collect::<Vec<_>>();
    assert_eq!(read(&ground, &known, stays).await, HashSet::from([later]));
}

async fn revocations_that_differ_in_one_field_are_two(ground: Ground) {
    let one = jti(&ground, "a");
    let earlier = Revocation { issued_before: one.issued_before - 1, ..one.clone() };
    let longer = Revocation { until: one.until + 1, ..one.clone() };
    let much_longer = Revocation { until: Millis::MAX, ..one.clone() };
    let other = jti(&ground, "A");
    are_kept(&ground, &[one, earlier, longer, much_longer, other]).await;
}

async fn a_player_a_token_and_a_key_of_one_name_are_three(ground: Ground) {
    let name = format!("{}_.:|@+=~-", ground.room);
    let player = Revoked::Player(player(&name));
    let all = [player, Revoked::Jti(name.as_str().into()), Revoked::Key(name.as_str().into())];
    let until = now() + HOUR;
    are_kept(&ground, &all.map(|of| Revocation { of, issued_before: until, until })).await;
}

async fn revocations_of_the_longest_and_strangest_names_are_kept(ground: Ground) {
    let until = now() + HOUR;
    let revocation = |of| Revocation { of, issued_before: 0, until };
    // The names are those of other runs, too. Their end is not.
    let long = ["\0", "\"", "\\", "'", "%", "x", "\u{e9}", "\u{1f5e1}"];
    let long = long.map(|one| one.repeat(TOKEN_ID_LEN / one.len()));
    let ids = STRANGE.map(str::to_owned).into_iter().chain(long).map(|id| Revoked::Jti(id.into()));
    let players = ["_.:|@+=~-".to_owned(), "~".repeat(128), "=".repeat(128)];
    let players = players.map(|name| Revoked::Player(player(&name)));
    let keys = ["\"\\'%{}$/", "\""].map(|part| part.repeat(KID_LEN / part.len()));
    let all: Vec<_> =
        ids.chain(players).chain(keys.map(|id| Revoked::Key(id.into()))).map(revocation).collect();
    are_kept(&ground, &all).await;
}

async fn a_removed_room_leaves_revocations(ground: Ground) {
    let known = [jti(&ground, "a"), jti(&ground, "b")];
    ground.sword(1).await;
    are_kept(&ground, &known).await;
    ground.store.remove_room(&ground.room).await.unwrap();
    assert_eq!(read(&ground, &known, now()).await.len(), 2);
}

/// What a node was answered it reads, whatever the others do.
async fn revocations_of_many_nodes_are_all_kept(ground: Ground) {
    let nodes = (0..8).map(|node| {
        let ground = ground.clone();
        tokio::spawn(async move {
            let own: Vec<_> = (0..3).map(|number| jti(&ground, format!("{node}-{number}"))).collect();
            for count in 1..=own.len() {
                revoke(&ground, &own[count - 1]).await;
                assert_eq!(read(&ground, &own, now()).await.len(), count, "of node {node}");
            }
            own
        })
    });
    let all: Vec<_> = join_all(nodes).await.into_iter().flat_map(|own| own.expect("a node failed")).collect();
    assert_eq!(read(&ground, &all, now()).await.len(), all.len());
}

async fn hundreds_of_revocations_are_all_read(ground: Ground) {
    let all: Vec<_> = (0..300).map(|number| jti(&ground, format!("{number:x>80}"))).collect();
    are_kept(&ground, &all).await;
}
