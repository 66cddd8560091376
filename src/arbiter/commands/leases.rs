//! The changes of grants that end: confirmations, extensions, prolongations and ends.

use tokio::time::Instant;

use super::Commands;
use crate::{
    arbiter::{
        baseline::Baseline, meters::StoreCall, queue::Ask, reconstruct::is_prolongation, refusal::Refusal,
        registry::RoomHandle,
    },
    model::{AssetName, Change, Grant, HoldExpired, Lease, Millis, PlayerName, ServerMessage},
    store::{Applied, AssetKey, Call, Leased},
};

impl Commands {
    pub(super) async fn confirm(
        &self,
        room: &RoomHandle,
        asset: &AssetName,
        ask: Ask,
        retake: bool,
        call: Call,
    ) {
        if ask.mailbox.is_closed() {
            return;
        }
        let key = AssetKey::new(&room.name, asset);
        let confirm = || self.node.store.confirm(call, &key, &ask.player, retake);
        let deadline = self.node.deadline(ask.since);
        let (done, before) = self.change_known(StoreCall::Confirm, room, asset, deadline, confirm).await;
        let done = match done {
            Ok(done) => done,
            Err(refusal) => return ask.refuse(&refusal),
        };
        let confirmed = done.changed || done.grant.is_some();
        let (until, ttl_ms) = self.shown(&done);
        ask.mailbox.push(ServerMessage::Confirmation {
            request_id: ask.request_id,
            asset: asset.clone(),
            confirmed,
            reason: (!confirmed).then_some(HoldExpired::HoldExpired),
            already_confirmed: confirmed && !done.changed,
            remaining: done.state.remaining,
            revision: done.state.revision,
            until,
            ttl_ms,
        });
        self.publish_lease(room, before, done, |player, at, lease| Change::Confirmed { player, at, lease });
    }

    pub(super) async fn extend(&self, room: &RoomHandle, asset: &AssetName, ask: Ask, call: Call) {
        if ask.mailbox.is_closed() {
            return;
        }
        let key = AssetKey::new(&room.name, asset);
        let most = self.node.config.max_hold.as_millis() as Millis;
        let extend = || self.node.store.extend(call, &key, &ask.player, most);
        let deadline = self.node.deadline(ask.since);
        let (done, before) = self.change_known(StoreCall::Extend, room, asset, deadline, extend).await;
        let done = match done {
            Ok(done) => done,
            Err(refusal) => return ask.refuse(&refusal),
        };
        match self.shown(&done) {
            (Some(until), Some(ttl_ms)) => {
                let (request_id, asset) = (ask.request_id, asset.clone());
                ask.mailbox.push(ServerMessage::Extension { request_id, asset, until, ttl_ms });
            }
            _ => {
                let refusal = Refusal::hold_expired(asset, &ask.player);
                ask.refuse(&refusal);
            }
        }
        self.publish_lease(room, before, done, |player, at, lease| Change::Extended { player, at, lease });
    }

    /// Prolongs the grants of players who are here. A failure is made up for by the next time.
    pub(super) async fn prolong(
        &self,
        room: &RoomHandle,
        asset: &AssetName,
        players: &[PlayerName],
        call: Call,
    ) {
        let key = AssetKey::new(&room.name, asset);
        let deadline = self.node.deadline(Instant::now());
        let prolong = || self.node.store.prolong(call, &key, players);
        let (done, before) = self.change_known(StoreCall::Prolong, room, asset, deadline, prolong).await;
        if let Ok(done) = done {
            // The answer does not say whether the newest revision is this call's or one that the node has not heard of.
            let is_own =
                room.with(|state| state.view.get(asset).is_some_and(|known| is_prolongation(known, &done)));
            self.events.publish_change(room, before, done, |_| is_own.then_some(Change::Prolonged));
        }
    }

    /// Ends the grants that are over. A failure is made up for by the next time.
    pub(super) async fn expire(&self, room: &RoomHandle, asset: &AssetName, call: Call) {
        let key = AssetKey::new(&room.name, asset);
        let deadline = self.node.deadline(Instant::now());
        let expire = || self.node.store.expire(call, &key);
        let (done, before) = self.change_known(StoreCall::Expire, room, asset, deadline, expire).await;
        if let Ok(done) = done {
            self.events.publish_change(room, before, done, |_| None);
        }
    }

    /// When the grant ends, and how long that is from now.
    fn shown(&self, done: &Leased) -> (Option<Millis>, Option<Millis>) {
        done.grant.as_ref().map_or((None, None), |grant| grant.lease.shown_from(self.node.clock.now()))
    }

    fn publish_lease(
        &self,
        room: &RoomHandle,
        before: Baseline,
        done: Applied<Leased>,
        change: impl FnOnce(PlayerName, Millis, Lease) -> Change,
    ) {
        let Leased { changed, grant, .. } = &*done;
        let grant = grant.clone().filter(|_| *changed);
        let state = done.map(|done| done.state);
        self.events.publish_change(room, before, state, |state| {
            let Grant { player, revision, lease, .. } = grant?;
            let at = state.terms.as_ref().map_or(0, |terms| terms.changed_at);
            // The player got another unit.
            let is_new = revision == state.revision;
            let granted = |player| Change::leased(player, state.units, at, lease);
            Some(if is_new { granted(player) } else { change(player, at, lease) })
        });
    }
}
