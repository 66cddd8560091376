use crate::{
    arbiter::{
        config::Config,
        log::RoomLog,
        presence::{Notice, Presence},
        roster::RosterChange,
        snapshot::{Cursor, Snapshot},
        sold_out::SoldOutMemory,
        view::View,
    },
    model::{AssetState, Event, Frame, PlayerName, ServerMessage, event_frame},
};

/// The state behind a room's lock.
pub(in crate::arbiter) struct State {
    pub(in crate::arbiter) view: View,
    pub(in crate::arbiter) log: RoomLog,
    pub(in crate::arbiter) presence: Presence,
    /// A regression was confirmed, and the room has not reloaded yet.
    pub(in crate::arbiter) reload_pending: bool,
    /// The store lacks a known state. Confirmed after a delay, because a removal message may still arrive.
    pub(in crate::arbiter) regression_suspected: bool,
    /// The room was removed. Late events may be of its former assets.
    pub(in crate::arbiter) was_removed: bool,
    pub(in crate::arbiter) sold_out: SoldOutMemory,
    /// Rises when the view is discarded. Revisions of different generations cannot be compared.
    pub(in crate::arbiter) generation: u64,
}

impl State {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            view: View::new(config.templates.clone()),
            log: RoomLog::new(config.room_log),
            presence: Presence::new(config.presence_limit),
            reload_pending: false,
            regression_suspected: false,
            was_removed: false,
            sold_out: SoldOutMemory::new(config.sold_out_ttl),
            generation: 0,
        }
    }

    /// Appends applied events to the log.
    pub(in crate::arbiter) fn append_events(&mut self, applied: &[Event]) {
        for event in applied {
            // Between a regression and the reload, events may be of lost records. The reload replaces the view,
            // and holdings were queried already.
            if !self.reload_pending {
                self.presence.follow(event);
            }
            if event.revision == 0 && self.view.is_template(&event.asset) {
                // Members already saw the template at revision 0 and would drop the frame.
                self.log.reset();
            } else {
                self.log.append(|offset| event_frame(offset, event));
            }
        }
    }

    fn append(&mut self, message: impl FnOnce(u64) -> ServerMessage) {
        self.log.append(|offset| Frame::of(&message(offset)));
    }

    pub(super) fn announce_notice(&mut self, notice: Notice) {
        match notice {
            // A client that knows the player replaces the display name.
            Notice::RosterChange(
                RosterChange::Joined(player, players) | RosterChange::Renamed(player, players),
            ) => {
                let name = self.presence.display_name(&player).cloned();
                self.append(|offset| ServerMessage::PlayerJoined { offset, player, name, players });
            }
            Notice::RosterChange(RosterChange::Left(player, players)) => {
                self.append(|offset| ServerMessage::PlayerLeft { offset, player, players });
            }
            Notice::Count(players) => self.append(|offset| ServerMessage::Players { offset, players }),
            Notice::ResendAll => self.log.reset(),
        }
    }

    /// Replaces the view by the store's snapshot. Every member is sent a snapshot.
    pub(in crate::arbiter) fn replace(&mut self, snapshot: Vec<AssetState>) {
        self.forget_assets();
        self.view.load(snapshot);
        // Guesses of pending queries may stem from the old view.
        for player in self.presence.unknown() {
            let listed = self.view.listed_holdings(&player);
            self.presence.guess(&player, listed);
        }
    }

    /// Discards the view, because its revisions are no longer comparable with the store's.
    pub(super) fn forget_assets(&mut self) {
        self.generation += 1;
        self.view.clear();
        self.reload_pending = false;
        self.regression_suspected = false;
        self.sold_out.forget();
        self.log.reset();
    }

    /// A snapshot at the head of the log. Its parts are encoded when they are read; their content does not change.
    pub(in crate::arbiter) fn snapshot(&mut self, player: Option<&PlayerName>) -> Snapshot {
        Snapshot::new(self.view.share(), self.cursor(player))
    }

    fn cursor(&self, player: Option<&PlayerName>) -> Cursor {
        Cursor {
            offset: self.log.head(),
            players: self.presence.count(),
            present: self.presence.names(),
            names: self.presence.display_names(),
            held: player.map_or_else(Vec::new, |player| self.presence.held(player)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Change;

    #[test]
    fn what_is_told_before_a_loss_is_healed_leaves_no_holding() {
        let mut state = State::new(&Config::default());
        let ann: PlayerName = "ann".parse().unwrap();
        drop(state.presence.enter(&ann, None));
        state.view.load(Vec::new());
        let change = Change::Granted { player: ann.clone(), units: 1, at: 0 };
        let late = Event { asset: "sword".parse().unwrap(), origin: 1, revision: 1, remaining: 0, change };
        state.reload_pending = true;
        state.append_events(std::slice::from_ref(&late));
        state.replace(Vec::new());
        assert!(state.presence.held(&ann).is_empty());
        state.append_events(&[late]);
        assert!(state.presence.holds(&ann, &"sword".parse().unwrap()), "afterwards it is heard");
    }
}
