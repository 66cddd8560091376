use std::{
    collections::{BTreeSet, HashMap, btree_set},
    hash::Hash,
    ops::RangeBounds,
};

use foldhash::fast::RandomState;

use super::Name;

/// A map by name that finds by hash and iterates in the order of the names. For maps that are read far more often than
/// they grow.
#[derive(Debug)]
pub struct NameMap<K, V> {
    values: HashMap<Name<K>, V, RandomState>,
    order: BTreeSet<Name<K>>,
}

impl<K, V> Default for NameMap<K, V> {
    fn default() -> Self {
        Self { values: HashMap::default(), order: BTreeSet::new() }
    }
}

impl<K: Clone + Ord + Hash, V> NameMap<K, V> {
    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &Name<K>) -> Option<&V> {
        self.values.get(name.as_str())
    }

    /// The value of a name, to change it.
    pub fn get_mut(&mut self, name: &Name<K>) -> Option<&mut V> {
        self.values.get_mut(name.as_str())
    }

    /// Whether the name has a value.
    #[must_use]
    pub fn contains(&self, name: &Name<K>) -> bool {
        self.values.contains_key(name.as_str())
    }

    /// Sets a value and returns the one before.
    pub fn insert(&mut self, name: &Name<K>, value: V) -> Option<V> {
        if let Some(known) = self.get_mut(name) {
            return Some(std::mem::replace(known, value));
        }
        self.order.insert(name.clone());
        self.values.insert(name.clone(), value)
    }

    /// The number of names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no names.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The names of a range with their values, in order.
    pub fn range<R: RangeBounds<Name<K>>>(&self, range: R) -> impl Iterator<Item = (&Name<K>, &V)> {
        let value = |name: &Name<K>| self.values.get(name.as_str()).expect("each name has a value");
        let names: btree_set::Range<'_, _> = self.order.range(range);
        names.map(move |name| (name, value(name)))
    }

    /// All names with their values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Name<K>, &V)> {
        self.range(..)
    }
}

impl<K: Clone + Ord + Hash, V> FromIterator<(Name<K>, V)> for NameMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (Name<K>, V)>>(pairs: I) -> Self {
        let mut map = Self::default();
        for (name, value) in pairs {
            map.insert(&name, value);
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, ops::Bound};

    use proptest::prelude::*;

    use super::*;
    use crate::model::AssetName;

    proptest! {
        #[test]
        fn it_answers_as_an_ordered_map(steps in proptest::collection::vec(("[a-e]{1,2}", any::<u8>()), 0..60)) {
            let (mut map, mut model) = (NameMap::default(), BTreeMap::new());
            for (name, value) in steps {
                let name: AssetName = name.parse().unwrap();
                prop_assert_eq!(map.insert(&name, value), model.insert(name.clone(), value));
                prop_assert_eq!(map.get(&name), model.get(&name));
                let range = (Bound::Excluded(name), Bound::Unbounded);
                prop_assert!(map.range(range.clone()).eq(model.range(range)));
            }
            prop_assert_eq!(map.len(), model.len());
            prop_assert!(map.iter().eq(model.iter()));
        }
    }
}
