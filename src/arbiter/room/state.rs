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
    model::{AssetState, Event, PlayerName, ServerMessage},
};

/// What is behind a room's lock.
pub(in crate::arbiter) struct State {
    pub(in crate::arbiter) view: View,
    pub(in crate::arbiter) log: RoomLog,
    pub(in crate::arbiter) presence: Presence,
    /// A regression was seen, and the room does not follow the store yet.
    pub(in crate::arbiter) reload_pending: bool,
    /// What was known is not stored, and the news that the room was removed has a moment to arrive.
    pub(in crate::arbiter) regression_suspected: bool,
    /// The room was removed: what is told of it late may be of what was in it before.
    pub(in crate::arbiter) was_removed: bool,
    pub(in crate::arbiter) sold_out: SoldOutMemory,
    /// How often all that was known of the assets was given up: what was known before is no measure of what is now.
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

    /// Puts applied events into the log.
    pub(in crate::arbiter) fn append_events(&mut self, applied: &[Event]) {
        for event in applied {
            // What is told between a loss and the store's snapshot may be of what was lost. The view is replaced by the
            // snapshot, and what players hold was asked for already.
            if !self.reload_pending {
                self.presence.follow(event);
            }
            if event.revision == 0 && self.view.is_template(&event.asset) {
                // Members already saw the template at revision 0 and would drop the frame.
                self.log.reset();
            } else {
                self.append(|offset| ServerMessage::of_event(offset, event));
            }
        }
    }

    fn append(&mut self, message: impl FnOnce(u64) -> ServerMessage) {
        self.log.append(|offset| message(offset).encode().into());
    }

    pub(super) fn announce_notice(&mut self, notice: Notice) {
        match notice {
            Notice::RosterChange(RosterChange::Joined(player, players)) => {
                self.append(|offset| ServerMessage::PlayerJoined { offset, player, players });
            }
            Notice::RosterChange(RosterChange::Left(player, players)) => {
                self.append(|offset| ServerMessage::PlayerLeft { offset, player, players });
            }
            Notice::Count(players) => self.append(|offset| ServerMessage::Players { offset, players }),
            Notice::ResendAll => self.log.reset(),
        }
    }

    /// Takes a whole snapshot from the store in place of the view, and sends one to everybody.
    pub(in crate::arbiter) fn replace(&mut self, snapshot: Vec<AssetState>) {
        self.forget_assets();
        self.view.load(snapshot);
        // Who was not asked for may have been taken for a holder by what was known before.
        for player in self.presence.unknown() {
            let listed = self.view.listed_holdings(&player);
            self.presence.guess(&player, listed);
        }
    }

    /// Revisions do not mean any more what they meant.
    pub(super) fn forget_assets(&mut self) {
        self.generation += 1;
        self.view.clear();
        self.reload_pending = false;
        self.regression_suspected = false;
        self.sold_out.forget();
        self.log.reset();
    }

    /// The room as it is at the head of the log. Its parts are made later, when they are read, and stay as they are.
    pub(in crate::arbiter) fn snapshot(&mut self, player: Option<&PlayerName>) -> Snapshot {
        Snapshot::new(self.view.share(), self.cursor(player))
    }

    fn cursor(&self, player: Option<&PlayerName>) -> Cursor {
        Cursor {
            offset: self.log.head(),
            players: self.presence.count(),
            present: self.presence.names(),
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
        drop(state.presence.enter(&ann));
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
