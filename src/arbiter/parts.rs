//! A room's assets for snapshots, cut into parts. A part is encoded on its first read and shared by all readers.

use std::{
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::model::{
    AssetName, AssetState, Grant,
    limits::{ENCODED_SECS, OLD_PARTS_BYTES, PART_BYTES, SNAPSHOT_SECS, WELCOME_BYTES},
};

/// The current assets, ordered by name. A change of an asset discards its part. The other parts stay, with their
/// encoding.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Each part begins with its first name and ends before the next part's. Empty: not cut yet.
    slots: Vec<Slot>,
    /// The assets shared since the last change.
    current: Option<Arc<SharedAssets>>,
    /// Earlier shared assets that still have readers, oldest first.
    older: Vec<Weak<SharedAssets>>,
    /// Bytes of discarded parts that still have readers.
    old_bytes: Arc<AtomicUsize>,
    /// Seconds since the last [`share`](Self::share).
    unused: u8,
}

#[derive(Debug)]
pub(super) struct Slot {
    /// First name; `None`: everything before the next part.
    from: Option<AssetName>,
    /// `None`: discarded, to be cut again.
    part: Option<Arc<Part>>,
}

/// Consecutive assets, and their JSON after the first read.
#[derive(Debug)]
pub(super) struct Part {
    assets: Vec<Arc<AssetState>>,
    /// Upper bound of the JSON's bytes.
    size: usize,
    json: OnceLock<Bytes>,
    /// The counter that includes this part's size. Set when the part was discarded while it had readers.
    old_bytes: OnceLock<Arc<AtomicUsize>>,
}

/// A room's assets at one moment, shared by all readers.
#[derive(Debug)]
pub(super) struct SharedAssets {
    /// `None`: discarded, because the room changed too much since.
    parts: Mutex<Option<Arc<[Arc<Part>]>>>,
    count: usize,
    size: usize,
    since: Instant,
    /// All assets as one JSON array, for a welcome.
    whole: OnceLock<Box<RawValue>>,
}

/// The shared assets were discarded, because the room changed too much since. Share the current ones instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GivenUp;

impl Parts {
    /// Discards the part of an asset that was changed, created or removed.
    pub(super) fn touch(&mut self, asset: &AssetName) {
        self.outdate();
        let slot = self.slots.partition_point(|slot| slot.from.as_ref().is_none_or(|from| from <= asset));
        if let Some(part) = slot.checked_sub(1).and_then(|slot| self.slots[slot].part.take()) {
            self.give_up(part);
        }
        self.bound();
    }

    /// Discards all parts.
    pub(super) fn clear(&mut self) {
        self.outdate();
        for part in std::mem::take(&mut self.slots).into_iter().filter_map(|slot| slot.part) {
            self.give_up(part);
        }
        self.bound();
    }

    /// The current assets. `shown` returns the assets from one name (inclusive) to another (exclusive), in order.
    pub(super) fn share(
        &mut self,
        shown: impl Fn(Option<&AssetName>, Option<&AssetName>) -> Vec<Arc<AssetState>>,
    ) -> Arc<SharedAssets> {
        self.unused = 0;
        if let Some(current) = &self.current {
            return Arc::clone(current);
        }
        self.cut(&shown);
        let total: usize = self.slots.iter().filter_map(|slot| Some(slot.part.as_ref()?.size)).sum();
        // Cuts everything again if repeated splits or removals left too many small parts.
        if self.slots.len() > 2 * (total / PART_BYTES + 1) {
            self.clear();
            self.cut(&shown);
        }
        let parts: Arc<[_]> = self.slots.iter().filter_map(|slot| slot.part.clone()).collect();
        let shared = Arc::new(SharedAssets::new(parts, total));
        self.current = Some(Arc::clone(&shared));
        shared
    }

    /// Once a second. Returns parts unused for [`ENCODED_SECS`], so that the caller can drop them outside the lock.
    #[must_use]
    pub(super) fn rest(&mut self) -> Vec<Slot> {
        if self.slots.is_empty() {
            return Vec::new();
        }
        self.unused = self.unused.saturating_add(1);
        let read = self.current.as_ref().is_some_and(|current| Arc::strong_count(current) > 1);
        if read || self.unused < ENCODED_SECS {
            return Vec::new();
        }
        self.outdate();
        std::mem::take(&mut self.slots)
    }

    fn cut(&mut self, shown: impl Fn(Option<&AssetName>, Option<&AssetName>) -> Vec<Arc<AssetState>>) {
        if self.slots.is_empty() {
            self.slots = cut(None, shown(None, None));
            return;
        }
        let mut before = std::mem::take(&mut self.slots).into_iter().peekable();
        while let Some(slot) = before.next() {
            if slot.part.is_some() {
                self.slots.push(slot);
            } else {
                let to = before.peek().and_then(|next| next.from.as_ref());
                let states = shown(slot.from.as_ref(), to);
                self.slots.extend(cut(slot.from, states));
            }
        }
        if let Some(first) = self.slots.first_mut() {
            first.from = None;
        }
    }

    fn outdate(&mut self) {
        if let Some(current) = self.current.take()
            && Arc::strong_count(&current) > 1
        {
            self.older.retain(|older| older.strong_count() > 0);
            self.older.push(Arc::downgrade(&current));
        }
    }

    fn give_up(&self, part: Arc<Part>) {
        if Arc::strong_count(&part) > 1 && part.old_bytes.set(Arc::clone(&self.old_bytes)).is_ok() {
            self.old_bytes.fetch_add(part.size, Relaxed);
        }
    }

    /// Keeps discarded parts within [`OLD_PARTS_BYTES`] by making readers begin again. Readers slower than
    /// [`SNAPSHOT_SECS`] are first, then the latest ones, because they lose least.
    fn bound(&mut self) {
        while self.old_bytes.load(Relaxed) > OLD_PARTS_BYTES && !self.older.is_empty() {
            let oldest = self.older[0].upgrade();
            let slow = oldest.is_none_or(|oldest| oldest.since.elapsed() > Duration::from_secs(SNAPSHOT_SECS));
            let victim = if slow { Some(self.older.remove(0)) } else { self.older.pop() };
            if let Some(victim) = victim.and_then(|victim| victim.upgrade()) {
                let parts = victim.parts.lock().take();
                drop(parts);
            }
        }
    }
}

/// Cuts consecutive assets into parts. The first part begins at `from`.
fn cut(mut from: Option<AssetName>, states: Vec<Arc<AssetState>>) -> Vec<Slot> {
    let (mut slots, mut assets, mut size) = (Vec::new(), Vec::new(), 0);
    for state in states {
        let more = json_size(&state);
        if !assets.is_empty() && size + more > PART_BYTES {
            let part = Some(Arc::new(Part::new(std::mem::take(&mut assets), size)));
            slots.push(Slot { from: from.replace(state.asset.clone()), part });
            size = 0;
        }
        assets.push(state);
        size += more;
    }
    if !assets.is_empty() {
        slots.push(Slot { from, part: Some(Arc::new(Part::new(assets, size))) });
    }
    slots
}

/// An upper bound for the bytes of an asset's JSON and a comma. Names need no escapes.
fn json_size(state: &AssetState) -> usize {
    /// Field names, punctuation, three numbers of 10 digits and one of 20.
    const ASSET: usize = 120;
    /// The same with one number of 20.
    const HOLDER: usize = 42;
    /// A field name and a number of 20 digits.
    const UNTIL: usize = 29;
    /// Field names, punctuation, and five numbers of 20 digits.
    const OPTIONS: usize = 190;
    let until = |grant: &Grant| grant.lease.until.map_or(0, |_| UNTIL);
    let holders =
        state.holders.iter().map(|grant| HOLDER + grant.player.as_str().len() + until(grant)).sum::<usize>();
    let options = state.terms.as_ref().map_or(0, |terms| {
        let names = terms.options.reserved_for.iter().map(|player| player.as_str().len() + 3).sum::<usize>();
        OPTIONS + names
    });
    ASSET + state.asset.as_str().len() + holders + options
}

impl Part {
    fn new(assets: Vec<Arc<AssetState>>, size: usize) -> Self {
        Self { assets, size, json: OnceLock::new(), old_bytes: OnceLock::new() }
    }

    /// The elements of a JSON array, without its brackets.
    pub(super) fn json(&self) -> &Bytes {
        self.json.get_or_init(|| {
            let mut json = Vec::with_capacity(self.size);
            for (n, state) in self.assets.iter().enumerate() {
                if n > 0 {
                    json.push(b',');
                }
                serde_json::to_writer(&mut json, &**state).expect("an asset's state is JSON");
            }
            json.into()
        })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(old_bytes) = self.old_bytes.get() {
            old_bytes.fetch_sub(self.size, Relaxed);
        }
    }
}

impl SharedAssets {
    fn new(parts: Arc<[Arc<Part>]>, size: usize) -> Self {
        let count = parts.len();
        Self { parts: Mutex::new(Some(parts)), count, size, since: Instant::now(), whole: OnceLock::new() }
    }

    /// The number of parts; 0 for a room without assets.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Whether all assets fit into one frame.
    pub(super) fn is_small(&self) -> bool {
        self.size <= WELCOME_BYTES
    }

    /// A part; `None` after the last one.
    ///
    /// # Errors
    /// [`GivenUp`]: begin again.
    pub(super) fn part(&self, number: usize) -> Result<Option<Arc<Part>>, GivenUp> {
        let parts = self.parts.lock();
        parts.as_ref().map(|parts| parts.get(number).cloned()).ok_or(GivenUp)
    }

    /// All assets as one JSON array, encoded once. Only for [small](Self::is_small) rooms.
    ///
    /// # Errors
    /// [`GivenUp`]: begin again.
    pub(super) fn whole(&self) -> Result<&RawValue, GivenUp> {
        if let Some(whole) = self.whole.get() {
            return Ok(whole);
        }
        let parts = self.parts.lock().clone().ok_or(GivenUp)?;
        Ok(self.whole.get_or_init(|| {
            let json: Vec<_> = parts.iter().map(|part| part.json().as_ref()).collect();
            let json = [&b"["[..], &json.join(&b','), b"]"].concat();
            let json = String::from_utf8(json).expect("JSON is text");
            RawValue::from_string(json).expect("a list of JSON values is JSON")
        }))
    }

    /// A copy of every state.
    ///
    /// # Errors
    /// [`GivenUp`]: begin again.
    pub(super) fn states(&self) -> Result<Vec<AssetState>, GivenUp> {
        let parts = self.parts.lock().clone().ok_or(GivenUp)?;
        Ok(parts.iter().flat_map(|part| &part.assets).map(|state| AssetState::clone(state)).collect())
    }
}

#[cfg(test)]
mod tests;
