use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use momento_protos::{
    cache_client::{
        ECacheResult, GetResponse, SetDifferenceRequest, SetFetchResponse, SetIfRequest, SetIfResponse,
        SetUnionRequest,
        set_difference_request::{Difference, Subtrahend, subtrahend::SubtrahendSet},
        set_fetch_response::{Found, Missing, Set},
        set_if_request::Condition,
        set_if_response::{NotStored, Result as Stored, Stored as Done},
    },
    common::Equal,
};
use tokio::time::Instant;

type Bytes = Vec<u8>;

/// What is there, and what was there before it.
#[derive(Default)]
pub(super) struct Cache {
    items: BTreeMap<Bytes, Item>,
    sets: BTreeMap<Bytes, Item<BTreeSet<Bytes>>>,
}

struct Item<V = Bytes> {
    value: V,
    until: Instant,
    since: Instant,
    before: Option<V>,
}

/// As long as a read that does not ask to be consistent may see what was there before.
const STALE: Duration = Duration::from_millis(50);

/// Momento keeps nothing for longer.
const LONGEST_TTL: u64 = 24 * 3600 * 1000;

impl Cache {
    pub(super) fn get(&mut self, key: &[u8], consistent: bool) -> GetResponse {
        match self.items.get(key).and_then(|item| item.seen(consistent)) {
            Some(value) => GetResponse {
                result: ECacheResult::Hit.into(),
                cache_body: value.clone(),
                ..GetResponse::default()
            },
            None => GetResponse { result: ECacheResult::Miss.into(), ..GetResponse::default() },
        }
    }

    pub(super) fn set_if(&mut self, request: &SetIfRequest) -> SetIfResponse {
        let there = self.items.get(&request.cache_key).and_then(|item| item.seen(true));
        let met = match &request.condition {
            Some(Condition::Absent(_)) => there.is_none(),
            Some(Condition::Equal(Equal { value_to_check })) => there == Some(value_to_check),
            other => panic!("the driver does not ask for {other:?}"),
        };
        if !met {
            return SetIfResponse { result: Some(Stored::NotStored(NotStored {})) };
        }
        let item = Item::new(request.cache_body.clone(), request.ttl_milliseconds, there.cloned());
        self.items.insert(request.cache_key.clone(), item);
        SetIfResponse { result: Some(Stored::Stored(Done {})) }
    }

    pub(super) fn union(&mut self, request: &SetUnionRequest) {
        let there = self.sets.get(&request.set_name).filter(|set| set.seen(true).is_some());
        let (before, until) = (there.map(|set| set.value.clone()), there.map(|set| set.until));
        let all = before.iter().flatten().chain(&request.elements).cloned().collect();
        let mut set = Item::new(all, request.ttl_milliseconds, before);
        if let (Some(until), false) = (until, request.refresh_ttl) {
            set.until = until;
        }
        self.sets.insert(request.set_name.clone(), set);
    }

    pub(super) fn difference(&mut self, request: &SetDifferenceRequest) {
        let Some(Difference::Subtrahend(Subtrahend { subtrahend_set: Some(SubtrahendSet::Set(gone)) })) =
            &request.difference
        else {
            panic!("the driver does not ask for {request:?}")
        };
        let Some(set) = self.sets.get_mut(&request.set_name) else { return };
        (set.before, set.since) = (Some(set.value.clone()), Instant::now());
        set.value.retain(|name| !gone.elements.contains(name));
    }

    pub(super) fn fetch(&mut self, name: &[u8], consistent: bool) -> SetFetchResponse {
        let there = self.sets.get(name).and_then(|set| set.seen(consistent)).filter(|set| !set.is_empty());
        let set = match there {
            Some(names) => Set::Found(Found { elements: names.iter().cloned().collect() }),
            None => Set::Missing(Missing {}),
        };
        SetFetchResponse { set: Some(set) }
    }

    pub(super) fn left(&self) -> Vec<(String, Duration)> {
        let now = Instant::now();
        let items = self.items.iter().map(|(key, item)| (key, item.until));
        let all = items.chain(self.sets.iter().map(|(key, set)| (key, set.until)));
        let there = all.filter(|(_, until)| *until > now);
        there.map(|(key, until)| (String::from_utf8(key.clone()).unwrap(), until - now)).collect()
    }

    pub(super) fn names(&self, set: &[u8]) -> Vec<String> {
        let names = self.sets.get(set).and_then(|set| set.seen(true)).into_iter().flatten();
        names.map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    }

    pub(super) fn largest(&self) -> usize {
        self.items.values().map(|item| item.value.len()).max().unwrap_or_default()
    }

    pub(super) fn evict(&mut self, key: &[u8]) {
        let there = (self.items.remove(key).is_some(), self.sets.remove(key).is_some());
        assert_ne!(there, (false, false), "there is something to evict");
    }

    pub(super) fn spoil(&mut self, key: &[u8], value: &[u8]) {
        if let Some(set) = self.sets.get_mut(key) {
            set.value.insert(value.to_vec());
        } else {
            self.items.insert(key.to_vec(), Item::new(value.to_vec(), LONGEST_TTL, None));
        }
    }
}

impl<V> Item<V> {
    fn new(value: V, ttl: u64, before: Option<V>) -> Self {
        assert!((1..=LONGEST_TTL).contains(&ttl), "Momento takes no time to live of {ttl} ms");
        let since = Instant::now();
        Self { value, until: since + Duration::from_millis(ttl), since, before }
    }

    /// What a read sees.
    fn seen(&self, consistent: bool) -> Option<&V> {
        if self.until <= Instant::now() {
            None
        } else if consistent || self.since.elapsed() >= STALE {
            Some(&self.value)
        } else {
            self.before.as_ref()
        }
    }
}
