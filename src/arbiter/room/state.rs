use crate::{
    arbiter::{
        config::Config,
        deadlines::Deadlines,
        log::RoomLog,
        presence::{Notice, Presence},
        roster::RosterChange,
        snapshot::{Cursor, Snapshot},
        sold_out::SoldOutMemory,
        view::View,
    },
    model::{AssetName, AssetState, Change, Event, Frame, Millis, PlayerName, ServerMessage, event_frame},
};

/// How often grants are prolonged before they would end: two calls may fail.
const PROLONGS: Millis = 3;

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
    /// When the grants of players who are here are prolonged, for assets that end them when the player leaves.
    prolongs: Deadlines,
    /// The deadline that the node's timers know.
    pub(super) scheduled: Option<Millis>,
    /// Rises when the view is discarded. Revisions of different generations cannot be compared.
    pub(in crate::arbiter) generation: u64,
}

impl State {
    pub(super) fn new(config: &Config, lateness: Millis) -> Self {
        Self {
            view: View::new(config.templates.clone(), lateness),
            log: RoomLog::new(config.room_log),
            presence: Presence::new(config.presence_limit),
            reload_pending: false,
            regression_suspected: false,
            was_removed: false,
            sold_out: SoldOutMemory::new(config.sold_out_ttl),
            prolongs: Deadlines::default(),
            scheduled: None,
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
                self.expect_prolonging(event);
            }
            if event.revision == 0 && self.view.is_template(&event.asset) {
                // Members already saw the template at revision 0 and would drop the frame.
                self.log.reset();
            } else {
                self.log.append_if(|offset| event_frame(offset, event));
            }
        }
    }

    /// A player who is here got a unit of an asset that ends grants when players leave.
    fn expect_prolonging(&mut self, event: &Event) {
        if let Change::Granted { player, at, .. } = &event.change
            && let Some(leave) = self.leave_ms(&event.asset)
            && self.presence.is_here(player)
        {
            self.prolongs.set_if_none(&event.asset, at + leave / PROLONGS);
        }
    }

    fn leave_ms(&self, asset: &AssetName) -> Option<Millis> {
        self.view.get(asset)?.terms.as_ref()?.options.leave_ms
    }

    /// The store told what a player holds who just came: the grants may be about to end, because the player had left.
    pub(in crate::arbiter) fn prolong_holdings_of(&mut self, player: &PlayerName) {
        for asset in self.presence.held(player) {
            if self.leave_ms(&asset).is_some() {
                self.prolongs.set(&asset, Some(0));
            }
        }
    }

    /// The assets whose grants are to be prolonged at `now`, each with the holders who are here.
    pub(in crate::arbiter) fn take_prolongs(&mut self, now: Millis) -> Vec<(AssetName, Vec<PlayerName>)> {
        let due = self.prolongs.take_due(now);
        let mut prolonged = Vec::new();
        for asset in due {
            let Some(leave) = self.leave_ms(&asset) else { continue };
            let holders = self.presence.holders_here(&asset);
            if !holders.is_empty() {
                self.prolongs.set(&asset, Some(now + leave / PROLONGS));
                prolonged.push((asset, holders));
            }
        }
        prolonged
    }

    /// When the room has something to do about its grants.
    pub(super) fn next_deadline(&self) -> Option<Millis> {
        self.view.next_end().into_iter().chain(self.prolongs.first()).min()
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
        self.prolongs.clear();
        self.log.reset();
    }

    /// The room is unloaded: another node, or the next who opens it, does what there is to do.
    pub(super) fn forget_deadlines(&mut self) {
        self.view.forget_ends();
        self.prolongs.clear();
    }

    /// A snapshot at the head of the log. Its parts are encoded when they are read; their content does not change.
    pub(in crate::arbiter) fn snapshot(&mut self, player: Option<&PlayerName>, now: Millis) -> Snapshot {
        Snapshot::new(self.view.share(now), self.cursor(player))
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

    #[test]
    fn what_is_told_before_a_loss_is_healed_leaves_no_holding() {
        let mut state = State::new(&Config::default(), 0);
        let ann: PlayerName = "ann".parse().unwrap();
        drop(state.presence.enter(&ann, None));
        state.view.load(Vec::new());
        let change = Change::granted(ann.clone(), 1, 0);
        let late = Event { asset: "sword".parse().unwrap(), origin: 1, revision: 1, remaining: 0, change };
        state.reload_pending = true;
        state.append_events(std::slice::from_ref(&late));
        state.replace(Vec::new());
        assert!(state.presence.held(&ann).is_empty());
        state.append_events(&[late]);
        assert!(state.presence.holds(&ann, &"sword".parse().unwrap()), "afterwards it is heard");
    }
}
