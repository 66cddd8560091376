//! Judges whether the promise was kept in one round. A pure function of the members' frames, the bots' answers and the
//! store's state. Asset and revision identify a grant.

mod asset;
mod grants;
#[cfg(test)]
mod tests;

use crate::model::{AssetName, PlayerName};

use super::{
    member::{Answer, Member},
    observations::Observations,
    round::Baseline,
    stored::Stored,
    violation::{Violation, Violations},
};
use asset::Asset;

/// The evidence of one round.
pub(super) struct Case<'a> {
    pub(super) assets: Vec<Evidence<'a>>,
    pub(super) witnesses: &'a [Witness],
}

/// The evidence about one asset.
pub(super) struct Evidence<'a> {
    pub(super) name: &'a AssetName,
    pub(super) baseline: Baseline,
    pub(super) observations: &'a Observations,
    pub(super) stored: &'a Stored,
}

/// The evidence of one bot.
pub(super) struct Witness {
    pub(super) player: PlayerName,
    pub(super) member: Member,
    /// The bot stayed to the end. If not, it may miss frames, but its answers still count.
    pub(super) stayed: bool,
}

/// Judges a round.
pub(super) fn judge(case: &Case<'_>) -> Violations {
    let mut found = Violations::default();
    for (index, evidence) in case.assets.iter().enumerate() {
        let asset = Asset::new(evidence);
        if asset.is_lost() {
            found.push(Violation::AssetLost { asset: evidence.name.clone() });
            continue;
        }
        asset.store_adds_up(&mut found);
        asset.frames_are_stored(&mut found);
        asset.enough_were_granted(&askers(case.witnesses, index), &mut found);
        for witness in case.witnesses {
            answer_is_true(&asset, witness, index, &mut found);
            if witness.stayed {
                everything_was_told(&asset, witness, index, &mut found);
            }
        }
    }
    found
}

/// The bots whose select of an asset was decided. An error is not a decision.
fn askers(witnesses: &[Witness], asset: usize) -> Vec<&PlayerName> {
    let decided = |w: &&Witness| {
        matches!(w.member.asked()[asset].answer, Answer::Granted { .. } | Answer::SoldOut { .. })
    };
    witnesses.iter().filter(decided).map(|w| &w.player).collect()
}

fn everything_was_told(asset: &Asset<'_>, witness: &Witness, index: usize, found: &mut Violations) {
    let Evidence { name, baseline, stored, .. } = *asset.evidence;
    for (from, to) in witness.member.missed(index, baseline.revision, stored.revision) {
        let mut explained = false;
        for (revision, player) in asset.grants.between(from, to) {
            explained = true;
            found.push(Violation::NotTold {
                asset: name.clone(),
                member: witness.player.clone(),
                player: player.clone(),
                revision,
            });
        }
        // If other clients release and restock, one state may cover several revisions.
        if !explained && !asset.others_seen {
            found.push(Violation::Gap { asset: name.clone(), member: witness.player.clone(), from, to });
        }
    }
}

fn answer_is_true(asset: &Asset<'_>, witness: &Witness, index: usize, found: &mut Violations) {
    let player = &witness.player;
    match witness.member.asked()[index].answer {
        Answer::Granted { revision, .. } => asset.grant_is_true(player, revision, found),
        Answer::SoldOut { remaining } => asset.denial_is_true(player, remaining, found),
        Answer::None | Answer::Refused | Answer::Unknown => {}
    }
}
