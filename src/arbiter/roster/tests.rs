use super::*;

fn player(text: &str) -> PlayerName {
    text.parse().unwrap()
}

fn heartbeat(node: u64, number: u64, names: &[&str]) -> Heartbeat {
    let players = Players::Names(names.iter().map(|name| player(name)).collect());
    Heartbeat { node, number, players, names: GivenNames::new() }
}

fn came(name: &str, players: usize) -> RosterChange {
    RosterChange::Joined(player(name), players)
}

fn went(name: &str, players: usize) -> RosterChange {
    RosterChange::Left(player(name), players)
}

#[test]
fn a_player_comes_with_the_first_node_and_goes_with_the_last() {
    let mut roster = Roster::default();
    assert_eq!(roster.add(&player("ann")), Some(came("ann", 1)));
    assert_eq!(roster.apply_heartbeat(heartbeat(7, 1, &["ann", "bob"]), 0), [came("bob", 2)]);
    assert_eq!(roster.remove(&player("ann")), None);
    assert_eq!(
        roster.apply_heartbeat(heartbeat(7, 2, &["cat"]), 0),
        [went("ann", 1), went("bob", 0), came("cat", 1)]
    );
}

#[test]
fn what_is_late_or_repeated_changes_nothing() {
    let mut roster = Roster::default();
    roster.apply_heartbeat(heartbeat(7, 5, &["ann"]), 0);
    for number in 3..=5 {
        assert_eq!(roster.apply_heartbeat(heartbeat(7, number, &[]), 1), []);
    }
    assert_eq!(roster.apply_heartbeat(heartbeat(7, 6, &[]), 2), [went("ann", 0)]);
    assert_eq!(
        roster.apply_heartbeat(heartbeat(7, 5, &["ann"]), 3),
        [],
        "who said that nobody is left is still known"
    );
}

#[test]
fn a_node_is_forgotten_when_it_is_silent_and_not_before() {
    let mut roster = Roster::default();
    roster.apply_heartbeat(heartbeat(7, 1, &["ann"]), 0);
    roster.apply_heartbeat(heartbeat(8, 1, &["ann", "bob"]), 1);
    assert_eq!(roster.forget_silent(SILENT_NODE_MS - 1), []);
    assert_eq!(roster.forget_silent(SILENT_NODE_MS), [], "she is on the other one, too");
    assert_eq!(roster.forget_silent(SILENT_NODE_MS + 1), [went("ann", 1), went("bob", 0)]);
}

#[test]
fn where_a_node_has_too_many_to_name_them_they_count() {
    let mut roster = Roster::default();
    roster.add(&player("ann"));
    let many = Heartbeat { players: Players::Count(20_000), ..heartbeat(7, 1, &[]) };
    roster.apply_heartbeat(many, 0);
    assert_eq!((roster.count(), roster.is_small(64)), (20_001, false));
    roster.apply_heartbeat(heartbeat(7, 2, &["ann", "bob"]), 0);
    assert_eq!((roster.count(), roster.is_small(64)), (2, true));
}

#[test]
fn no_more_nodes_are_remembered_than_may_be() {
    let mut roster = Roster::default();
    for node in 0..2 * NODES_HEARD as u64 {
        roster.apply_heartbeat(heartbeat(node, 1, &[&format!("p{node}")]), node / 300);
    }
    assert_eq!(roster.count(), NODES_HEARD);
    assert_eq!(
        roster.apply_heartbeat(heartbeat(0, 2, &["p0", "new"]), 9).len(),
        1,
        "those that are known go on"
    );
    roster.forget_silent(SILENT_NODE_MS);
    assert_eq!(
        roster.apply_heartbeat(heartbeat(1000, 1, &["late"]), SILENT_NODE_MS).len(),
        1,
        "and then there is place"
    );
}

fn given(at: Millis, name: &str) -> GivenName {
    GivenName { at, name: name.parse().unwrap() }
}

fn named(heartbeat: Heartbeat, names: &[(&str, Millis, &str)]) -> Heartbeat {
    let names = names.iter().map(|(who, at, name)| (player(who), given(*at, name)));
    Heartbeat { names: names.collect(), ..heartbeat }
}

fn renamed(name: &str, players: usize) -> RosterChange {
    RosterChange::Renamed(player(name), players)
}

fn shown(roster: &Roster, name: &str) -> Option<String> {
    let (player, all) = (player(name), roster.display_names());
    assert_eq!(roster.display_name(&player), all.get(&player));
    all.get(&player).map(ToString::to_string)
}

#[test]
fn the_newest_display_name_holds_of_those_given_where_the_player_is() {
    let (mut roster, ann) = (Roster::default(), player("ann"));
    assert_eq!(roster.enter(&ann, Some(given(5, "Ann"))), [came("ann", 1)]);
    let elsewhere = |number, names| named(heartbeat(7, number, &["ann"]), names);
    assert_eq!(roster.apply_heartbeat(elsewhere(1, &[("ann", 4, "Annie")]), 0), []);
    assert_eq!(shown(&roster, "ann").unwrap(), "Ann");
    assert_eq!(roster.apply_heartbeat(elsewhere(2, &[("ann", 6, "Annie")]), 0), [renamed("ann", 1)]);
    assert_eq!(shown(&roster, "ann").unwrap(), "Annie");
    assert_eq!(roster.rename(&ann, given(7, "Annie")), [], "it is the same");
    assert_eq!(roster.rename(&ann, given(8, "Anna")), [renamed("ann", 1)]);
    assert_eq!(roster.leave(&ann), [renamed("ann", 1)]);
    assert_eq!(shown(&roster, "ann").unwrap(), "Annie");
    assert_eq!(roster.apply_heartbeat(elsewhere(3, &[]), 0), [renamed("ann", 1)], "without any now");
    assert_eq!(shown(&roster, "ann"), None);
    assert_eq!(roster.forget_silent(SILENT_NODE_MS), [went("ann", 0)]);
    assert_eq!(roster.enter(&ann, None), [came("ann", 1)]);
    assert_eq!(shown(&roster, "ann"), None);
}

#[test]
fn a_player_who_comes_with_a_display_name_is_announced_once() {
    let mut roster = Roster::default();
    let both = named(heartbeat(7, 1, &["ann", "bob"]), &[("ann", 1, "Ann"), ("bob", 1, "Bob")]);
    assert_eq!(roster.apply_heartbeat(both, 0), [came("ann", 1), came("bob", 2)]);
    let swapped = named(heartbeat(7, 2, &["bob", "cat"]), &[("bob", 2, "Bo"), ("cat", 1, "Cat")]);
    assert_eq!(roster.apply_heartbeat(swapped, 0), [went("ann", 1), came("cat", 2), renamed("bob", 2)]);
    assert_eq!(shown(&roster, "ann"), None);
    assert_eq!(roster.forget_silent(SILENT_NODE_MS), [went("bob", 1), went("cat", 0)]);
    assert!(roster.display_names().is_empty());
}

#[test]
fn display_names_of_players_who_are_not_there_are_dropped() {
    let mut roster = Roster::default();
    let strange = named(heartbeat(7, 1, &["ann"]), &[("ann", 1, "Ann"), ("bob", 1, "Bob")]);
    assert_eq!(roster.apply_heartbeat(strange, 0), [came("ann", 1)]);
    assert_eq!(shown(&roster, "bob"), None);
}
