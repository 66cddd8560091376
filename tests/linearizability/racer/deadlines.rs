//! What a client asks of grants that end.

use std::sync::Arc;

use asset_arbiter::store::{Store, StoreErrorKind};

use super::{Racer, Settled, seen};
use crate::linearizability::spec::{Answer, Ask, Sight, Why};

impl Racer {
    /// Confirms or extends a hold.
    pub(super) async fn leased(&mut self, ask: Ask) {
        let (call, arena) = (self.call(), Arc::clone(&self.arena));
        let ticket = self.begin(call, ask.clone());
        let (store, key) = (&arena.faulty, &arena.key);
        let settled = self
            .settle_call(call, || match &ask {
                Ask::Confirm { player, retake } => store.confirm(call, key, player, *retake),
                Ask::Extend { player, most } => store.extend(call, key, player, *most),
                _ => unreachable!("neither confirms nor extends"),
            })
            .await;
        match settled {
            None => self.give_up(ticket),
            Some(Settled { answer: Ok(leased), since, in_doubt }) => {
                let (state, later) = (&leased.state, leased.is_repeat() || in_doubt);
                match (leased.changed, &leased.grant) {
                    (true, _) => arena.recorder.answer(ticket, Answer::Changed(seen(state, later))),
                    // A repeat says how it is now, which may be otherwise than it was.
                    (false, _) if later => self.give_up(ticket),
                    (false, grant) => {
                        let why = match (grant, &ask) {
                            (None, _) => Why::HoldExpired,
                            (_, Ask::Confirm { .. }) => Why::AlreadyConfirmed,
                            _ => Why::LongEnough,
                        };
                        arena.recorder.answer(ticket, Answer::Unchanged(why, Sight::of(state)));
                    }
                }
                arena.recorder.look(&self.name, since, Sight::of(state));
            }
            Some(Settled { in_doubt: true, .. }) => self.give_up(ticket),
            Some(Settled { answer: Err(error), .. }) if error.kind() == StoreErrorKind::Conflict => {
                arena.recorder.answer(ticket, Answer::Unchanged(Why::NoHold, Sight::default()));
            }
            Some(Settled { answer: Err(error), .. }) => self.refused(ticket, error.kind()),
        }
    }

    /// Prolongs grants, or ends those that are over: the answer does not say whether there were any.
    pub(super) async fn settled(&mut self, ask: Ask) {
        let (call, arena) = (self.call(), Arc::clone(&self.arena));
        let ticket = self.begin(call, ask.clone());
        let (store, key) = (&arena.faulty, &arena.key);
        let settled = self
            .settle_call(call, || match &ask {
                Ask::Prolong { players } => store.prolong(call, key, players),
                _ => store.expire(call, key),
            })
            .await;
        match settled {
            None => self.give_up(ticket),
            Some(Settled { answer: Ok(state), since, in_doubt }) => {
                let sight = seen(&state, state.is_repeat() || in_doubt);
                arena.recorder.answer(ticket, Answer::Settled(sight));
                arena.recorder.look(&self.name, since, Sight::of(&state));
            }
            Some(Settled { in_doubt: true, .. }) => self.give_up(ticket),
            Some(Settled { answer: Err(error), .. }) => self.refused(ticket, error.kind()),
        }
    }
}
