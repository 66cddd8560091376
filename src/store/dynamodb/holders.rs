//! Decides which holders are stored inline in the asset's item, and which have items of their own.

use crate::model::{Grant, PlayerName};

/// The holders of one incarnation during a change. The inline ones are always the first by revision.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Holders {
    pub(super) inline: Vec<Grant>,
    /// The number of holders with items of their own.
    pub(super) outside: usize,
    /// The items to write.
    pub(super) puts: Vec<Grant>,
    /// The items to delete.
    pub(super) deletes: Vec<PlayerName>,
}

impl Holders {
    pub(super) fn new(inline: Vec<Grant>, held: usize) -> Self {
        let outside = held.saturating_sub(inline.len());
        Self { inline, outside, ..Self::default() }
    }

    pub(super) fn strike(&mut self, struck: &Grant) {
        let inside = self.inline.len();
        self.inline.retain(|grant| grant.revision != struck.revision);
        if self.inline.len() == inside {
            self.delete(struck.player.clone());
        }
    }

    /// Moves the next holders into the asset's item, until it has `most` or there are `deletes` deletes.
    pub(super) fn take_in(&mut self, next: impl IntoIterator<Item = Grant>, most: usize, deletes: usize) {
        for grant in next {
            if self.inline.len() >= most || self.deletes.len() >= deletes {
                return;
            }
            if !self.deletes.contains(&grant.player) {
                self.delete(grant.player.clone());
                self.inline.push(grant);
            }
        }
    }

    pub(super) fn add(&mut self, grant: Grant, most: usize) {
        if self.outside == 0 && self.inline.len() < most {
            self.inline.push(grant);
        } else {
            self.outside += 1;
            self.puts.push(grant);
        }
    }

    /// Replaces the lease of a holder.
    pub(super) fn lease(&mut self, grant: Grant) {
        match self.inline.iter_mut().find(|inline| inline.revision == grant.revision) {
            Some(inline) => *inline = grant,
            None => self.puts.push(grant),
        }
    }

    fn delete(&mut self, player: PlayerName) {
        self.outside = self.outside.saturating_sub(1);
        self.deletes.push(player);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fastrand::Rng;

    use super::*;
    use crate::model::Lease;

    fn grant(revision: u64) -> Grant {
        Grant::plain(format!("p{revision}").parse().unwrap(), 0, revision)
    }

    /// Checks random changes: the first holders are inline, the others have items, and none is lost.
    #[test]
    fn everyone_is_in_one_place_and_the_first_are_inside() {
        for seed in 0..500 {
            let (mut rng, mut inline, mut items) = (Rng::with_seed(seed), Vec::new(), BTreeMap::new());
            let (mut all, mut revision) = (BTreeMap::new(), 0);
            let most = rng.usize(0..6);
            for _ in 0..rng.usize(1..60) {
                let mut holders = Holders::new(inline, all.len());
                let next: Vec<_> = items.values().take(rng.usize(0..4)).cloned().collect();
                let index = rng.usize(0..8);
                let struck: Option<Grant> = all.values().nth(index).cloned();
                if let Some(struck) = struck.filter(|_| rng.bool()) {
                    holders.strike(&struck);
                    all.remove(&struck.revision);
                    holders.take_in(next, most, rng.usize(1..4));
                } else if rng.bool() {
                    holders.take_in(next, most, rng.usize(0..4));
                    let lease = Lease { until: Some(rng.u64(..)), ..Lease::NONE };
                    if let Some(grant) = all.values_mut().nth(index) {
                        grant.lease = lease;
                        holders.lease(grant.clone());
                    }
                } else {
                    holders.take_in(next, most, rng.usize(0..4));
                    for _ in 0..rng.u64(1..4) {
                        revision += 1;
                        all.insert(revision, grant(revision));
                        holders.add(grant(revision), most);
                    }
                }
                for player in &holders.deletes {
                    let many = items.len();
                    items.retain(|_, grant: &mut Grant| grant.player != *player);
                    assert_eq!(items.len(), many - 1, "seed {seed}: {player} had an item");
                }
                let is_deleted = |grant: &&Grant| holders.deletes.contains(&grant.player);
                assert!(
                    !holders.puts.iter().any(|grant| is_deleted(&grant)),
                    "seed {seed}: one write for each item"
                );
                items.extend(holders.puts.iter().map(|grant| (grant.revision, grant.clone())));
                let found: Vec<_> = holders.inline.iter().chain(items.values()).cloned().collect();
                assert_eq!(found, all.values().cloned().collect::<Vec<_>>(), "seed {seed}");
                assert_eq!(holders.outside, items.len(), "seed {seed}");
                assert!(holders.inline.len() <= most, "seed {seed}");
                inline = holders.inline;
            }
        }
    }
}
