use super::*;

fn player(text: &str) -> PlayerName {
    text.parse().unwrap()
}

fn came(name: &str, players: usize) -> Notice {
    Notice::RosterChange(RosterChange::Joined(player(name), players))
}

fn went(name: &str, players: usize) -> Notice {
    Notice::RosterChange(RosterChange::Left(player(name), players))
}

#[test]
fn a_player_comes_with_the_first_connection_and_goes_with_the_last() {
    let mut presence = Presence::new(2);
    assert_eq!(presence.enter(&player("ann"), None), [came("ann", 1)]);
    assert_eq!(presence.enter(&player("ann"), None), []);
    assert_eq!(presence.leave(&player("ann")), []);
    assert_eq!(presence.leave(&player("ann")), [went("ann", 0)]);
}

#[test]
fn a_large_room_is_told_counts_and_all_names_once_it_is_small_again() {
    let mut presence = Presence::new(2);
    for name in ["a", "b"] {
        presence.enter(&player(name), None);
    }
    assert_eq!(presence.enter(&player("c"), None), []);
    assert!(presence.names().is_empty());
    assert_eq!(presence.tick(0), [Notice::Count(3)]);
    assert_eq!(presence.tick(0), [], "nothing new");
    assert_eq!(presence.leave(&player("c")), []);
    assert_eq!(presence.tick(0), [Notice::ResendAll]);
    assert_eq!(presence.leave(&player("b")), [went("b", 1)]);
}

#[test]
fn the_number_of_players_is_told_less_often_to_many_members() {
    let mut presence = Presence::new(2);
    let members = 2 * COUNT_FRAMES_PER_SEC as usize;
    (0..members).for_each(|n| drop(presence.enter(&player(&format!("p{n}")), None)));
    assert_eq!(presence.tick(5000), [Notice::Count(members)]);
    presence.enter(&player("late"), None);
    assert_eq!(presence.tick(6000), []);
    assert_eq!(presence.tick(7000), [Notice::Count(members + 1)]);
    (0..members).for_each(|n| drop(presence.leave(&player(&format!("p{n}")))));
    assert_eq!(presence.tick(7500), [Notice::ResendAll], "names are told at once");
}

#[test]
fn other_nodes_are_told_names_at_once_or_numbers_in_time() {
    let mut presence = Presence::new(1);
    presence.enter(&player("a"), None);
    assert!(presence.must_publish_at_once());
    assert_eq!(presence.local_players().0, Players::Names([player("a")].into()));
    assert!(!presence.has_unpublished());
    presence.enter(&player("b"), None);
    assert!(presence.has_unpublished() && !presence.must_publish_at_once());
    assert_eq!(presence.local_players().0, Players::Count(2));
}

#[test]
fn a_room_is_large_over_all_nodes() {
    let mut presence = Presence::new(2);
    presence.enter(&player("a"), None);
    let elsewhere = |number, players| Heartbeat { node: 7, number, players, names: GivenNames::new() };
    assert_eq!(presence.apply_heartbeat(elsewhere(1, Players::Names([player("b")].into())), 0), [came("b", 2)]);
    assert_eq!(presence.apply_heartbeat(elsewhere(2, Players::Count(3)), 0), []);
    assert_eq!(presence.tick(0), [Notice::Count(4)]);
    assert_eq!(presence.apply_heartbeat(elsewhere(3, Players::Count(3)), 0), []);
    assert_eq!(presence.tick(0), [], "nothing new");
    assert_eq!(presence.apply_heartbeat(elsewhere(4, Players::NOBODY), 0), []);
    assert_eq!(presence.tick(0), [Notice::ResendAll]);
}

fn released(player: &PlayerName, revision: u64) -> Event {
    let change = Change::released(player.clone());
    Event { asset: asset("sword"), origin: 0, revision, remaining: 1, change }
}

fn asset(text: &str) -> AssetName {
    text.parse().unwrap()
}

#[test]
fn what_was_released_while_the_store_was_asked_is_not_held() {
    let (mut presence, ann) = (Presence::new(2), player("ann"));
    presence.enter(&ann, None);
    let question = presence.question(&ann).unwrap();
    presence.follow(&released(&ann, 7));
    presence.learn(&ann, question, vec![(asset("sword"), 6), (asset("bow"), 1)]);
    assert_eq!(presence.question(&ann), None);
    assert_eq!(presence.held(&ann), [asset("bow")]);
}

#[test]
fn what_was_only_guessed_ends_with_the_answer() {
    let (mut presence, ann) = (Presence::new(2), player("ann"));
    presence.enter(&ann, None);
    let question = presence.question(&ann).unwrap();
    presence.guess(&ann, vec![(asset("sword"), 3), (asset("bow"), 1)]);
    assert!(presence.holds(&ann, &asset("sword")));
    presence.guess(&ann, vec![(asset("bow"), 1), (asset("crown"), 2)]);
    assert_eq!(presence.held(&ann), [asset("bow"), asset("crown")]);
    // Confirmed by an event, so no longer a guess.
    let change = Change::granted(ann.clone(), 2, 1);
    presence.follow(&Event { asset: asset("bow"), origin: 0, revision: 4, remaining: 1, change });
    presence.learn(&ann, question, Vec::new());
    assert_eq!(presence.held(&ann), [asset("bow")]);
}

#[test]
fn an_answer_to_an_earlier_question_brings_back_nothing() {
    let (mut presence, ann) = (Presence::new(2), player("ann"));
    presence.enter(&ann, None);
    let first = presence.question(&ann).unwrap();
    let late = || vec![(asset("sword"), 6)];
    // The same query was sent twice; the other answer arrived first.
    presence.learn(&ann, first, late());
    presence.follow(&released(&ann, 7));
    presence.learn(&ann, first, late());
    assert!(presence.held(&ann).is_empty());
    presence.forget_held();
    presence.learn(&ann, first, late());
    assert!(presence.held(&ann).is_empty() && presence.question(&ann).is_some());
    // The player left and rejoined.
    presence.leave(&ann);
    presence.enter(&ann, None);
    presence.learn(&ann, first, late());
    assert!(presence.held(&ann).is_empty() && presence.question(&ann).is_some());
}

fn given(at: Millis, name: &str) -> Option<GivenName> {
    Some(GivenName { at, name: name.parse().unwrap() })
}

#[test]
fn another_display_name_is_announced_and_published_at_once() {
    let (mut presence, ann) = (Presence::new(2), player("ann"));
    assert_eq!(presence.enter(&ann, given(1, "Ann")), [came("ann", 1)]);
    assert_eq!(presence.local_players().1.len(), 1);
    assert_eq!(presence.enter(&ann, None), [], "the newest that was given holds");
    assert!(!presence.has_unpublished());
    let renamed = Notice::RosterChange(RosterChange::Renamed(ann.clone(), 1));
    assert_eq!(presence.enter(&ann, given(2, "Annie")), [renamed]);
    assert!(presence.must_publish_at_once());
    assert_eq!(presence.local_players().1, [(ann.clone(), given(2, "Annie").unwrap())].into());
    presence.leave(&ann);
    presence.leave(&ann);
    assert_eq!(presence.display_name(&ann).unwrap().as_str(), "Annie", "another connection is left");
    presence.leave(&ann);
    assert_eq!(presence.display_name(&ann), None);
    assert!(presence.local_players().1.is_empty());
}

#[test]
fn a_large_room_tells_no_display_names() {
    let (mut presence, ann) = (Presence::new(1), player("ann"));
    presence.enter(&ann, given(1, "Ann"));
    presence.enter(&player("bob"), given(1, "Bob"));
    assert_eq!(presence.tick(0), [Notice::Count(2)]);
    assert!(presence.display_names().is_empty());
    assert_eq!(presence.local_players(), (Players::Count(2), GivenNames::new()));
    assert_eq!(presence.enter(&ann, given(2, "Annie")), []);
    assert_eq!(presence.tick(2000), [], "the number is the same");
    presence.leave(&player("bob"));
    assert_eq!(presence.tick(4000), [Notice::ResendAll]);
    assert_eq!(presence.display_names()[&ann].as_str(), "Annie");
}
