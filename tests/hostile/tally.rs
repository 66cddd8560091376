use std::{collections::BTreeMap, fmt, sync::Arc};

use parking_lot::Mutex;

use crate::kinds::Kind;

/// How often the server answered what to which kind.
#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<Mutex<BTreeMap<Kind, BTreeMap<String, u64>>>>);

impl Tally {
    pub(crate) fn count(&self, kind: Kind, answer: &str) {
        *self.0.lock().entry(kind).or_default().entry(answer.to_owned()).or_default() += 1;
    }

    /// The answers to a kind.
    pub(crate) fn of(&self, kind: Kind) -> BTreeMap<String, u64> {
        self.0.lock().get(&kind).cloned().unwrap_or_default()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all: BTreeMap<String, u64> = BTreeMap::new();
        for (answer, count) in self.0.lock().values().flatten() {
            *all.entry(answer.clone()).or_default() += count;
        }
        let all: Vec<_> = all.iter().map(|(answer, count)| format!("{answer} x {count}")).collect();
        f.write_str(&all.join(", "))
    }
}
