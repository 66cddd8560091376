//! One asset behind faults, and what was done to it.

use std::{sync::Arc, time::Duration};

use asset_arbiter::{
    model::AssetState,
    store::{
        AssetKey, Store,
        faulty::{Faults, Faulty},
    },
};

use super::{
    history::Recorder,
    plan::{Pace, Plan},
};

pub struct Arena {
    pub plan: Plan,
    pub pace: Pace,
    pub faulty: Arc<Faulty>,
    /// Past all faults.
    pub truth: Arc<dyn Store>,
    pub key: AssetKey,
    pub recorder: Recorder,
    /// Whether the store may end what a call finds over in a step of its own.
    pub ends_apart: bool,
}

impl Arena {
    /// How much later than its caller gave up a call may take effect.
    pub fn grace(&self) -> Duration {
        let late = self.plan.faults.duplicated_late > 0.0;
        self.pace.grace + if late { self.plan.faults.max_lateness } else { Duration::ZERO }
    }

    /// From now on nothing goes wrong, and nothing is on its way any more.
    pub async fn calm(&self) {
        self.faulty.set_faults(Faults::default());
        self.faulty.settled().await;
    }

    /// What is stored in the end; `None` if the asset was never made.
    pub async fn stored(&self) -> Option<AssetState> {
        self.truth.asset(&self.key).await.ok()
    }
}
