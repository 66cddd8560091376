use std::collections::BTreeMap;

use crate::model::{AssetName, Change, Event, PlayerName};

/// Who is in a room and what each holds. Joined and left are per player: first connection in, last one out.
#[derive(Debug)]
pub(super) struct Presence {
    players: BTreeMap<PlayerName, Here>,
    limit: usize,
    /// Counts the times that it was not known what a player holds.
    questions: u64,
    /// Whether members are told names; false from the limit up until a tick tells them anew.
    named: bool,
    /// The count changed since it was last told.
    stale: bool,
}

/// What members are to be told of a change in who is here.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// Nothing now.
    Quiet,
    /// The player came or went; so many are here now.
    Names(usize),
    /// So many are here; names are not told.
    Count(usize),
    /// The room is small again: everyone needs all names.
    Everything,
}

#[derive(Debug)]
struct Here {
    connections: usize,
    held: Held,
}

/// What a player holds, each with the grant's revision.
#[derive(Debug)]
struct Held {
    granted: BTreeMap<AssetName, u64>,
    /// While the store has not answered yet.
    question: Option<Question>,
}

/// What does a player hold? An answer to an earlier question may be from before what was told since.
#[derive(Debug)]
struct Question {
    number: u64,
    /// What was given up meanwhile, and when.
    struck: BTreeMap<AssetName, u64>,
}

impl Presence {
    pub(super) fn new(limit: usize) -> Self {
        Self { players: BTreeMap::new(), limit, questions: 0, named: true, stale: false }
    }

    pub(super) fn count(&self) -> usize {
        self.players.len()
    }

    /// Every name, or none in a large room.
    pub(super) fn names(&self) -> Vec<PlayerName> {
        if self.players.len() > self.limit { Vec::new() } else { self.players.keys().cloned().collect() }
    }

    pub(super) fn enter(&mut self, player: &PlayerName) -> Notice {
        if let Some(here) = self.players.get_mut(player) {
            here.connections += 1;
            return Notice::Quiet;
        }
        self.questions += 1;
        let here = Here { connections: 1, held: Held::unknown(self.questions) };
        self.players.insert(player.clone(), here);
        self.notice()
    }

    pub(super) fn leave(&mut self, player: &PlayerName) -> Notice {
        let Some(here) = self.players.get_mut(player) else { return Notice::Quiet };
        here.connections -= 1;
        if here.connections > 0 {
            return Notice::Quiet;
        }
        self.players.remove(player);
        self.notice()
    }

    /// At most once a second: what is still to be told.
    pub(super) fn tick(&mut self) -> Notice {
        if !std::mem::take(&mut self.stale) {
            return Notice::Quiet;
        }
        self.named = self.players.len() <= self.limit;
        if self.named { Notice::Everything } else { Notice::Count(self.players.len()) }
    }

    /// The question that the store must be asked, if it is not known what the player holds.
    pub(super) fn question(&self, player: &PlayerName) -> Option<u64> {
        self.players.get(player)?.held.question.as_ref().map(|question| question.number)
    }

    /// Takes the store's answer to a question; what happened while it was asked counts if it is newer.
    pub(super) fn learn(&mut self, player: &PlayerName, question: u64, rows: Vec<(AssetName, u64)>) {
        let Some(Here { held, .. }) = self.players.get_mut(player) else { return };
        let Some(Question { struck, .. }) = held.question.take_if(|asked| asked.number == question) else {
            return;
        };
        for (asset, revision) in rows {
            if struck.get(&asset).is_none_or(|&gone| gone < revision) {
                let known = held.granted.entry(asset).or_insert(revision);
                *known = revision.max(*known);
            }
        }
    }

    /// Takes what is likely while the store cannot be asked; it will be asked again.
    pub(super) fn guess(&mut self, player: &PlayerName, rows: Vec<(AssetName, u64)>) {
        if let Some(here) = self.players.get_mut(player).filter(|here| here.held.question.is_some()) {
            here.held.granted.extend(rows);
        }
    }

    pub(super) fn holds(&self, player: &PlayerName, asset: &AssetName) -> bool {
        self.players.get(player).is_some_and(|here| here.held.granted.contains_key(asset))
    }

    pub(super) fn held(&self, player: &PlayerName) -> Vec<AssetName> {
        self.players.get(player).map_or_else(Vec::new, |here| here.held.granted.keys().cloned().collect())
    }

    /// Follows an event that was applied to the view.
    pub(super) fn follow(&mut self, event: &Event) {
        match &event.change {
            Change::Granted { player, .. } => {
                if let Some(here) = self.players.get_mut(player) {
                    here.held.granted.insert(event.asset.clone(), event.revision);
                }
            }
            Change::Released { player } => {
                if let Some(here) = self.players.get_mut(player) {
                    here.held.strike(event);
                }
            }
            Change::Changed { created: false, .. } => {}
            Change::Changed { created: true, .. } | Change::Removed => {
                self.players.values_mut().for_each(|here| here.held.strike(event));
            }
        }
    }

    /// Nobody's holdings are known any more: ask again.
    pub(super) fn forget_held(&mut self) {
        self.questions += 1;
        self.players.values_mut().for_each(|here| here.held = Held::unknown(self.questions));
    }

    /// The players whose holdings must be asked for.
    pub(super) fn unknown(&self) -> Vec<PlayerName> {
        let unknown = self.players.iter().filter(|(_, here)| here.held.question.is_some());
        unknown.map(|(player, _)| player.clone()).collect()
    }

    fn notice(&mut self) -> Notice {
        self.named &= self.players.len() <= self.limit;
        if self.named {
            return Notice::Names(self.players.len());
        }
        self.stale = true;
        Notice::Quiet
    }
}

impl Held {
    fn unknown(number: u64) -> Self {
        Self { granted: BTreeMap::new(), question: Some(Question { number, struck: BTreeMap::new() }) }
    }

    fn strike(&mut self, event: &Event) {
        self.granted.remove(&event.asset);
        if let Some(question) = &mut self.question {
            question.struck.insert(event.asset.clone(), event.revision);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn player(text: &str) -> PlayerName {
        text.parse().unwrap()
    }

    #[test]
    fn a_player_comes_with_the_first_connection_and_goes_with_the_last() {
        let mut presence = Presence::new(2);
        assert_eq!(presence.enter(&player("ann")), Notice::Names(1));
        assert_eq!(presence.enter(&player("ann")), Notice::Quiet);
        assert_eq!(presence.leave(&player("ann")), Notice::Quiet);
        assert_eq!(presence.leave(&player("ann")), Notice::Names(0));
    }

    #[test]
    fn a_large_room_is_told_counts_and_all_names_once_it_is_small_again() {
        let mut presence = Presence::new(2);
        for name in ["a", "b"] {
            presence.enter(&player(name));
        }
        assert_eq!(presence.enter(&player("c")), Notice::Quiet);
        assert!(presence.names().is_empty());
        assert_eq!(presence.tick(), Notice::Count(3));
        assert_eq!(presence.tick(), Notice::Quiet, "nothing new");
        assert_eq!(presence.leave(&player("c")), Notice::Quiet);
        assert_eq!(presence.tick(), Notice::Everything);
        assert_eq!(presence.leave(&player("b")), Notice::Names(1));
    }

    fn released(player: &PlayerName, revision: u64) -> Event {
        let change = Change::Released { player: player.clone() };
        Event { asset: asset("sword"), revision, remaining: 1, change }
    }

    fn asset(text: &str) -> AssetName {
        text.parse().unwrap()
    }

    #[test]
    fn what_was_released_while_the_store_was_asked_is_not_held() {
        let (mut presence, ann) = (Presence::new(2), player("ann"));
        presence.enter(&ann);
        let question = presence.question(&ann).unwrap();
        presence.follow(&released(&ann, 7));
        presence.learn(&ann, question, vec![(asset("sword"), 6), (asset("bow"), 1)]);
        assert_eq!(presence.question(&ann), None);
        assert_eq!(presence.held(&ann), [asset("bow")]);
    }

    #[test]
    fn an_answer_to_an_earlier_question_brings_back_nothing() {
        let (mut presence, ann) = (Presence::new(2), player("ann"));
        presence.enter(&ann);
        let first = presence.question(&ann).unwrap();
        let late = || vec![(asset("sword"), 6)];
        // Asked twice; the other answer came first.
        presence.learn(&ann, first, late());
        presence.follow(&released(&ann, 7));
        presence.learn(&ann, first, late());
        assert!(presence.held(&ann).is_empty());
        presence.forget_held();
        presence.learn(&ann, first, late());
        assert!(presence.held(&ann).is_empty() && presence.question(&ann).is_some());
        // Gone, and here again.
        presence.leave(&ann);
        presence.enter(&ann);
        presence.learn(&ann, first, late());
        assert!(presence.held(&ann).is_empty() && presence.question(&ann).is_some());
    }
}
