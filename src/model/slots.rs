use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::limits::LOOKED_AFTER_AT_ONCE;

/// A collection of items in numbered slots. It can be traversed in slices, so the lock is held for one slice only and
/// no keys are copied.
#[derive(Debug)]
pub struct Slots<T>(Mutex<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    slots: Vec<Option<Arc<T>>>,
    free: Vec<usize>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self(Mutex::new(Inner { slots: Vec::new(), free: Vec::new() }))
    }
}

impl<T> Slots<T> {
    /// Inserts the item that `make` returns for its slot.
    pub fn insert_with(&self, make: impl FnOnce(usize) -> Arc<T>) -> Arc<T> {
        let mut inner = self.lock();
        let slot = inner.free.pop().unwrap_or(inner.slots.len());
        let one = make(slot);
        if slot == inner.slots.len() {
            inner.slots.push(None);
        }
        inner.slots[slot] = Some(Arc::clone(&one));
        one
    }

    /// Removes an item and frees its slot.
    pub fn remove(&self, slot: usize) -> Option<Arc<T>> {
        let mut inner = self.lock();
        let gone = inner.slots.get_mut(slot)?.take()?;
        inner.free.push(slot);
        Some(gone)
    }

    /// The number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        let inner = self.lock();
        inner.slots.len() - inner.free.len()
    }

    /// Returns true if there are no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies the items of the next `count` slots from `from` on, each with its slot. Returns the slot to continue at,
    /// `None` after the last. A traversal visits every item that stays in place exactly once.
    pub fn slice(&self, from: usize, count: usize, into: &mut Vec<(usize, Arc<T>)>) -> Option<usize> {
        let inner = self.lock();
        let end = from.saturating_add(count).min(inner.slots.len());
        let slice = inner.slots.get(from..end).unwrap_or_default().iter();
        into.extend(slice.zip(from..).filter_map(|(one, slot)| Some((slot, Arc::clone(one.as_ref()?)))));
        (end < inner.slots.len()).then_some(end)
    }

    /// Calls `visit` for every item with its slot. Awaits a `pause` between slices, so that other tasks run however many
    /// items there are.
    pub async fn for_each<P: Future<Output = ()>>(
        &self,
        mut visit: impl FnMut(usize, &Arc<T>),
        pause: impl Fn() -> P,
    ) {
        let (mut next, mut slice) = (Some(0), Vec::new());
        while let Some(from) = next {
            next = self.slice(from, LOOKED_AFTER_AT_ONCE, &mut slice);
            slice.drain(..).for_each(|(slot, one)| visit(slot, &one));
            if next.is_some() {
                pause().await;
            }
        }
    }

    /// Nothing panics while it holds the lock, so a poisoned value is still consistent.
    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_meets_each_once_and_slots_are_used_again() {
        let slots = Slots::default();
        for n in 0..10 {
            assert_eq!(*slots.insert_with(|slot| Arc::new((n, slot))), (n, n));
        }
        assert_eq!(slots.remove(3).as_deref(), Some(&(3, 3)));
        assert_eq!(slots.remove(3), None);
        assert_eq!(slots.len(), 9);
        let (mut met, mut from, mut turns) = (Vec::new(), Some(0), 0);
        while let Some(at) = from {
            from = slots.slice(at, 4, &mut met);
            turns += 1;
        }
        assert_eq!(turns, 3);
        let met: Vec<_> = met.iter().map(|(slot, one)| (*slot, **one)).collect();
        assert_eq!(met, [0, 1, 2, 4, 5, 6, 7, 8, 9].map(|n| (n, (n, n))));
        assert_eq!(*slots.insert_with(|slot| Arc::new((33, slot))), (33, 3));
        assert_eq!(slots.slice(10, 4, &mut Vec::new()), None);
    }
}
