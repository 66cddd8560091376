//! Histories made by hand: what the checker must accept, and what it must refuse.

use std::{sync::Arc, time::Duration};

use asset_arbiter::model::{NewAsset, PlayerName, Units};

use crate::conformance::ground::player;

use super::{
    history::Recorder,
    spec::{Answer, Ask, Sight, Why},
};

pub type Example = (&'static str, fn(&Recorder));

pub const RIGHT: [Example; 8] = [
    ("nothing", |_| {}),
    ("one after the other", |it| {
        create(it, 2);
        done(it, select("ann"), 1, 1);
        done(it, select("bob"), 2, 0);
        denied(it, "cat", 2, 0);
        done(it, release("ann"), 3, 1);
        done(it, Ask::Restock { n: 2, condition: Some(3) }, 4, 3);
        done(it, select("cat"), 5, 2);
    }),
    ("who asked first need not be first", |it| {
        create(it, 1);
        let (ann, bob) = (it.call("ann", select("ann")), it.call("bob", select("bob")));
        it.answer(ann, Answer::Unchanged(Why::SoldOut, Sight::counter(1, 0)));
        it.answer(bob, Answer::Changed(Sight::counter(1, 0)));
    }),
    ("a lost reply that took effect", |it| {
        create(it, 1);
        lost(it, select("ann"));
        denied(it, "bob", 1, 0);
    }),
    ("a lost reply that took none", |it| {
        create(it, 1);
        lost(it, select("ann"));
        done(it, select("bob"), 1, 0);
    }),
    ("a lost reply that takes effect late, but in time", |it| {
        create(it, 1);
        it.give_up(it.call("ann", select("ann")), Duration::from_secs(60));
        seen(it, 0, 1);
        denied(it, "bob", 1, 0);
    }),
    ("a repeat tells of a later state", |it| {
        create(it, 1);
        let restock = it.call("operator", Ask::Restock { n: 1, condition: None });
        done(it, select("ann"), 2, 1);
        it.answer(restock, Answer::Changed(Sight::not_after(2)));
    }),
    ("a new life goes on counting", |it| {
        create(it, 1);
        done(it, select("ann"), 1, 0);
        done(it, Ask::Remove, 2, 0);
        refused(it, release("ann"), Why::UnknownAsset);
        done(it, plain(3), 3, 3);
        refused(it, release("ann"), Why::NotHeld);
    }),
];

pub const WRONG: [Example; 17] = [
    ("one unit is awarded twice", |it| {
        create(it, 1);
        done(it, select("ann"), 1, 0);
        done(it, select("bob"), 2, 0);
    }),
    ("one revision is awarded twice, at once", |it| {
        create(it, 2);
        let (ann, bob) = (it.call("ann", select("ann")), it.call("bob", select("bob")));
        it.answer(ann, Answer::Changed(Sight::counter(1, 1)));
        it.answer(bob, Answer::Changed(Sight::counter(1, 1)));
    }),
    ("a player is awarded a second unit", |it| {
        create(it, 2);
        done(it, select("ann"), 1, 1);
        done(it, select("ann"), 2, 0);
    }),
    ("a release is lost", |it| {
        create(it, 1);
        done(it, select("ann"), 1, 0);
        done(it, release("ann"), 2, 1);
        denied(it, "bob", 1, 0);
    }),
    ("a release frees two units", |it| {
        create(it, 2);
        done(it, select("ann"), 1, 1);
        done(it, release("ann"), 2, 2);
        done(it, release("ann"), 3, 2);
    }),
    ("a denial while units remain", |it| {
        create(it, 2);
        done(it, select("ann"), 1, 1);
        denied(it, "bob", 1, 1);
    }),
    ("a denial that says that none remain", |it| {
        create(it, 2);
        done(it, select("ann"), 1, 1);
        denied(it, "bob", 1, 0);
    }),
    ("a denial from what was so before", |it| {
        create(it, 1);
        done(it, select("ann"), 1, 0);
        done(it, release("ann"), 2, 1);
        let bob = it.call("bob", select("bob"));
        done(it, Ask::Restock { n: 1, condition: None }, 3, 2);
        it.answer(bob, Answer::Unchanged(Why::SoldOut, Sight::counter(1, 0)));
    }),
    ("a stale revision", |it| {
        create(it, 3);
        done(it, select("ann"), 1, 2);
        done(it, select("bob"), 2, 1);
        seen(it, 1, 2);
    }),
    ("a release answered as of before it", |it| {
        create(it, 1);
        done(it, select("ann"), 1, 0);
        let release = it.call("ann", release("ann"));
        it.answer(release, Answer::Changed(Sight::not_after(1)));
    }),
    ("a restock is counted twice", |it| {
        create(it, 1);
        let restock = it.call("operator", Ask::Restock { n: 2, condition: None });
        it.answer(restock, Answer::Changed(Sight::not_after(2)));
        seen(it, 2, 5);
    }),
    ("a restock without an answer is counted twice", |it| {
        create(it, 1);
        lost(it, Ask::Restock { n: 2, condition: None });
        seen(it, 2, 5);
    }),
    ("a restock on a condition that was not met", |it| {
        create(it, 1);
        done(it, select("ann"), 1, 0);
        done(it, Ask::Restock { n: 1, condition: Some(0) }, 2, 1);
    }),
    ("a lost reply takes effect after its deadline", |it| {
        create(it, 1);
        lost(it, select("ann"));
        seen(it, 0, 1);
        denied(it, "bob", 1, 0);
    }),
    ("a select takes effect again after a release", |it| {
        create(it, 2);
        let ann = it.call("ann", select("ann"));
        done(it, release("ann"), 2, 2);
        it.answer(ann, Answer::Changed(Sight::counter(3, 1)));
    }),
    ("a removed asset is awarded", |it| {
        create(it, 1);
        done(it, Ask::Remove, 1, 0);
        done(it, select("ann"), 2, 0);
    }),
    ("a removed asset is found as if it had never been", |it| {
        create(it, 1);
        done(it, Ask::Remove, 1, 0);
        done(it, plain(1), 0, 1);
    }),
];

fn plain(units: Units) -> Ask {
    Ask::Create { new: Arc::new(NewAsset::plain(units)) }
}

pub fn select(name: &str) -> Ask {
    Ask::Select { player: player(name), create: None }
}

pub fn release(name: &str) -> Ask {
    let player: PlayerName = player(name);
    Ask::Release { player }
}

fn create(it: &Recorder, units: Units) {
    done(it, plain(units), 0, units);
}

fn done(it: &Recorder, ask: Ask, revision: u64, remaining: Units) {
    it.answer(it.call("someone", ask), Answer::Changed(Sight::counter(revision, remaining)));
}

fn refused(it: &Recorder, ask: Ask, why: Why) {
    it.answer(it.call("someone", ask), Answer::Unchanged(why, Sight::default()));
}

fn denied(it: &Recorder, name: &str, revision: u64, remaining: Units) {
    let answer = Answer::Unchanged(Why::SoldOut, Sight::counter(revision, remaining));
    it.answer(it.call(name, select(name)), answer);
}

fn lost(it: &Recorder, ask: Ask) {
    it.give_up(it.call("someone", ask), Duration::ZERO);
}

fn seen(it: &Recorder, revision: u64, remaining: Units) {
    it.look("someone", it.now(), Sight::counter(revision, remaining));
}
