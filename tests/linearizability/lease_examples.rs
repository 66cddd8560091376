//! Histories of grants that end, made by hand: what the checker must accept, and what it must refuse.

use std::{sync::Arc, time::Duration};

use asset_arbiter::model::{AssetOptions, Lease, Millis, NewAsset};

use crate::conformance::ground::player;

use super::{
    examples::{Example, release, select},
    history::Recorder,
    spec::{Answer, Ask, Sight, Why},
};

pub const RIGHT: [Example; 7] = [
    ("a hold that is over makes room", |it| {
        create(it, 1);
        granted(it, 0, "ann", (1, 0), 100);
        denied(it, 99, "bob", Why::SoldOut);
        granted(it, 100, "bob", (3, 0), 200);
    }),
    ("a confirmed hold stays", |it| {
        create(it, 1);
        granted(it, 0, "ann", (1, 0), 100);
        done(it, 99, confirm("ann"), 2, 0);
        denied(it, 1000, "bob", Why::SoldOut);
        refused(it, 1000, confirm("ann"), Why::AlreadyConfirmed);
    }),
    ("a confirmation that lost the race, and whose request ended the hold", |it| {
        create(it, 1);
        granted(it, 0, "ann", (1, 0), 100);
        refused(it, 100, confirm("ann"), Why::HoldExpired);
        seen(it, 2, 1);
    }),
    ("an extension, and what nobody may extend", |it| {
        create(it, 1);
        granted(it, 0, "ann", (1, 0), 100);
        done(it, 60, extend("ann"), 2, 0);
        denied(it, 159, "bob", Why::SoldOut);
        refused(it, 160, extend("ann"), Why::HoldExpired);
        refused(it, 160, extend("bob"), Why::NotHeld);
    }),
    ("a clock that runs back does not bring back what ended", |it| {
        create(it, 1);
        granted(it, 500, "ann", (1, 0), 600);
        settled(it, 600, Ask::Expire, 2, 1);
        refused(it, 10, confirm("ann"), Why::HoldExpired);
        granted(it, 10, "bob", (3, 0), 700);
    }),
    ("an end without an answer", |it| {
        create(it, 1);
        granted(it, 0, "ann", (1, 0), 100);
        it.give_up(it.call_at("someone", Ask::Expire, 100), Duration::from_secs(60));
        seen(it, 1, 0);
        seen(it, 2, 1);
    }),
    ("a player who is there keeps the grant, and who left loses it", |it| {
        create_with(it, 2, AssetOptions { leave_ms: Some(100), ..AssetOptions::NONE });
        done(it, 0, select("ann"), 1, 1);
        done(it, 0, select("bob"), 2, 0);
        settled(it, 50, Ask::Prolong { players: vec![player("ann")] }, 3, 0);
        settled(it, 100, Ask::Expire, 4, 1);
        settled(it, 149, Ask::Expire, 4, 1);
        settled(it, 150, Ask::Expire, 5, 2);
    }),
];

pub const WRONG: [Example; 10] = [
    ("a hold ends before its time", |it| {
        create(it, 1);
        granted(it, 0, "ann", (1, 0), 100);
        settled(it, 99, Ask::Expire, 2, 1);
    }),
    ("a player is denied though a hold is over", |it| {
        create(it, 1);
        granted(it, 0, "ann", (1, 0), 100);
        denied(it, 100, "bob", Why::SoldOut);
    }),
    ("a grant ends twice", |it| {
        create(it, 2);
        granted(it, 0, "ann", (1, 1), 100);
        settled(it, 100, Ask::Expire, 2, 2);
        settled(it, 101, Ask::Expire, 3, 2);
    }),
    ("the unit of a grant that ended comes back twice", |it| {
        create(it, 2);
        granted(it, 0, "ann", (1, 1), 100);
        granted(it, 0, "bob", (2, 0), 100);
        done(it, 50, confirm("bob"), 3, 0);
        settled(it, 100, Ask::Expire, 4, 2);
    }),
    ("what is confirmed ends as a hold", |it| {
        create(it, 1);
        granted(it, 0, "ann", (1, 0), 100);
        done(it, 50, confirm("ann"), 2, 0);
        settled(it, 100, Ask::Expire, 3, 1);
    }),
    ("a hold is confirmed too late", |it| {
        create(it, 1);
        granted(it, 0, "ann", (1, 0), 100);
        done(it, 100, confirm("ann"), 2, 0);
    }),
    ("a hold is confirmed by one clock after it ended by another", |it| {
        create(it, 1);
        granted(it, 0, "ann", (1, 0), 100);
        settled(it, 100, Ask::Expire, 2, 1);
        done(it, 50, confirm("ann"), 3, 0);
    }),
    ("a clock that runs back makes a hold shorter", |it| {
        create(it, 2);
        granted(it, 500, "ann", (1, 1), 600);
        granted(it, 400, "bob", (2, 0), 500);
    }),
    ("a player who left is prolonged", |it| {
        create_with(it, 2, AssetOptions { leave_ms: Some(100), ..AssetOptions::NONE });
        done(it, 0, select("ann"), 1, 1);
        done(it, 0, select("bob"), 2, 0);
        settled(it, 50, Ask::Prolong { players: vec![player("ann")] }, 3, 0);
        settled(it, 120, Ask::Expire, 3, 0);
    }),
    ("a player gets another unit during the cooldown", |it| {
        create_with(it, 1, AssetOptions { cooldown_ms: Some(100), ..AssetOptions::NONE });
        done(it, 0, select("ann"), 1, 0);
        done(it, 10, release("ann"), 2, 1);
        done(it, 109, select("ann"), 3, 0);
    }),
];

fn confirm(name: &str) -> Ask {
    Ask::Confirm { player: player(name), retake: false }
}

fn extend(name: &str) -> Ask {
    Ask::Extend { player: player(name), most: 1000 }
}

/// An asset whose grants are holds of 100 ms.
fn create(it: &Recorder, units: u32) {
    create_with(it, units, AssetOptions { hold_ms: Some(100), ..AssetOptions::NONE });
}

fn create_with(it: &Recorder, units: u32, options: AssetOptions) {
    done(it, 0, Ask::Create { new: Arc::new(NewAsset { units, options }) }, 0, units);
}

fn granted(it: &Recorder, at: Millis, name: &str, (revision, remaining): (u64, u32), until: Millis) {
    let lease = Lease { until: Some(until), present_until: None, is_hold: true };
    let sight = Sight { leases: vec![(revision, lease)], ..Sight::counter(revision, remaining) };
    it.answer(it.call_at(name, select(name), at), Answer::Changed(sight));
}

fn denied(it: &Recorder, at: Millis, name: &str, why: Why) {
    refused(it, at, select(name), why);
}

fn done(it: &Recorder, at: Millis, ask: Ask, revision: u64, remaining: u32) {
    it.answer(it.call_at("someone", ask, at), Answer::Changed(Sight::counter(revision, remaining)));
}

fn settled(it: &Recorder, at: Millis, ask: Ask, revision: u64, remaining: u32) {
    it.answer(it.call_at("someone", ask, at), Answer::Settled(Sight::counter(revision, remaining)));
}

fn refused(it: &Recorder, at: Millis, ask: Ask, why: Why) {
    it.answer(it.call_at("someone", ask, at), Answer::Unchanged(why, Sight::default()));
}

fn seen(it: &Recorder, revision: u64, remaining: u32) {
    it.look("someone", it.now(), Sight::counter(revision, remaining));
}
