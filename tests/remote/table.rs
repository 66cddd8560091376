//! The table of a game's own backend, keyed as documented, which finds fault with all that is not as documented.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use asset_arbiter::model::{EventKind, ShownEvent};
use serde::Deserialize;

/// The most events of one request.
const MOST_EVENTS: usize = 100;

/// What it wrote down. Of a room, an asset.
#[derive(Debug, Default)]
pub struct Table {
    assets: BTreeMap<(String, String), Asset>,
    /// The events of each `webhook-id`, and the other way round.
    messages: HashMap<String, Vec<String>>,
    ids: HashMap<Vec<String>, String>,
    /// Rooms of which a request is under way.
    under_way: BTreeSet<String>,
    /// Events that came again.
    pub repeats: usize,
    faults: Vec<String>,
}

/// What it knows of an asset.
#[derive(Debug, Default)]
struct Asset {
    /// By origin and revision.
    events: BTreeMap<(String, u64), ShownEvent>,
    /// Who holds it for good.
    inventory: BTreeSet<String>,
    /// Who holds it until a confirmation.
    holds: BTreeSet<String>,
}

/// The holders of the asset of a merged event.
pub type Holders = HashMap<String, Vec<Holder>>;

/// A holder as the server shows it.
#[derive(Debug, Deserialize)]
pub struct Holder {
    player: String,
    revision: u64,
    #[serde(default)]
    hold: bool,
}

impl Table {
    /// A request of a room begins.
    pub fn begin(&mut self, room: &str) {
        if !self.under_way.insert(room.to_owned()) {
            self.faults.push(format!("two requests of {room} at once"));
        }
    }

    pub fn end(&mut self, room: &str) {
        self.under_way.remove(room);
    }

    pub fn fault(&mut self, fault: String) {
        self.faults.push(fault);
    }

    /// One transaction.
    pub fn write(&mut self, id: String, events: Vec<ShownEvent>, holders: &Holders) {
        let ids: Vec<_> = events.iter().map(|event| event.id.clone()).collect();
        let known = self.messages.entry(id.clone()).or_insert_with(|| ids.clone());
        if *known != ids {
            self.faults.push(format!("one webhook-id for {known:?} and {ids:?}"));
        }
        let known = self.ids.entry(ids).or_insert_with(|| id.clone());
        if *known != id {
            self.faults.push(format!("two webhook-ids, {known} and {id}, for the same events"));
        }
        let rooms: BTreeSet<_> = events.iter().map(|event| event.room.to_string()).collect();
        if rooms.len() != 1 || events.len() > MOST_EVENTS {
            self.faults.push(format!("{} events of {rooms:?} in one request", events.len()));
        }
        for event in events {
            let name = (event.room.to_string(), event.asset.to_string());
            let asset = self.assets.entry(name).or_default();
            let none = Vec::new();
            match asset.write(&event, holders.get(&event.id).unwrap_or(&none)) {
                Ok(is_new) => self.repeats += usize::from(!is_new),
                Err(fault) => self.faults.push(format!("{fault}: {event:?}")),
            }
        }
    }

    /// Everything that was not as documented.
    pub fn assert_faultless(&self) {
        let faults = &self.faults;
        assert!(
            faults.is_empty(),
            "{} faults, the first of them: {:#?}",
            faults.len(),
            &faults[..faults.len().min(5)]
        );
    }

    /// How many different events there were, of a kind or of all.
    pub fn count(&self, kind: Option<EventKind>) -> usize {
        let events = self.assets.values().flat_map(|asset| asset.events.values());
        events.filter(|event| kind.is_none_or(|kind| event.kind == kind)).count()
    }

    /// Kinds of an asset's events, in order.
    pub fn kinds(&self, room: &str, asset: &str) -> Vec<EventKind> {
        let asset = self.assets.get(&(room.to_owned(), asset.to_owned()));
        asset.into_iter().flat_map(|asset| asset.events.values().map(|event| event.kind)).collect()
    }

    /// The revision of the newest event of an asset.
    pub fn revision(&self, room: &str, asset: &str) -> Option<u64> {
        let asset = self.assets.get(&(room.to_owned(), asset.to_owned()))?;
        asset.events.last_key_value().map(|((_, revision), _)| *revision)
    }

    /// Whether who holds an asset is who the server says.
    pub fn agrees(&self, room: &str, asset: &str, holders: &[Holder]) -> Result<(), String> {
        let nothing = Asset::default();
        let known = self.assets.get(&(room.to_owned(), asset.to_owned())).unwrap_or(&nothing);
        let of = |hold: bool| -> BTreeSet<_> {
            holders.iter().filter(|one| one.hold == hold).map(|one| one.player.clone()).collect()
        };
        let (inventory, holds) = (of(false), of(true));
        let agrees = inventory == known.inventory && holds == known.holds;
        agrees.then_some(()).ok_or_else(|| {
            let Asset { inventory: ours, holds: our_holds, .. } = known;
            format!("{room}/{asset}: {ours:?} and holds of {our_holds:?}, not {inventory:?} and {holds:?}")
        })
    }
}

impl Asset {
    /// Whether the event is new.
    fn write(&mut self, event: &ShownEvent, holders: &[Holder]) -> Result<bool, String> {
        let key = (event.origin.clone(), event.revision);
        if let Some(known) = self.events.get(&key) {
            // Merged since, with others that came before.
            let is_same = known == event || event.kind == EventKind::Compacted;
            return is_same.then_some(false).ok_or_else(|| format!("it was {known:?} at first"));
        }
        self.follows(event)?;
        self.events.insert(key, event.clone());
        self.apply(event, holders)?;
        Ok(true)
    }

    /// The players of these tests extend no grant, so each revision is an event.
    fn follows(&self, event: &ShownEvent) -> Result<(), String> {
        let first = event.first_revision.unwrap_or(event.revision);
        let last = self.events.last_key_value().map(|((origin, revision), _)| (origin, *revision));
        let (expected, last) = match last {
            Some((origin, last)) if *origin == event.origin => (last + 1, Some(last)),
            Some((origin, _)) if *origin > event.origin => return Err(format!("after one of {origin}")),
            _ => (0, None),
        };
        let is_next = if event.kind == EventKind::Compacted { first <= expected } else { first == expected };
        is_next.then_some(()).ok_or_else(|| format!("after {last:?} of the same origin"))
    }

    fn apply(&mut self, event: &ShownEvent, holders: &[Holder]) -> Result<(), String> {
        let player = event.player.as_ref().map(ToString::to_string).unwrap_or_default();
        let holds_it = self.inventory.contains(&player) || self.holds.contains(&player);
        // Holders are read later than the last event that was merged, so later events may have happened already.
        let is_exact = self.events.values().all(|event| event.kind != EventKind::Compacted);
        match event.kind {
            EventKind::Granted | EventKind::Released
                if is_exact && holds_it != (event.kind == EventKind::Released) =>
            {
                return Err("given to who has it, or taken from who has not".to_owned());
            }
            EventKind::Granted if event.hold => drop(self.holds.insert(player)),
            EventKind::Granted => drop(self.inventory.insert(player)),
            EventKind::Confirmed if !self.holds.remove(&player) && is_exact => {
                return Err("there was no hold".to_owned());
            }
            EventKind::Confirmed => drop(self.inventory.insert(player)),
            EventKind::Released => drop((self.inventory.remove(&player), self.holds.remove(&player))),
            EventKind::Restocked => {}
            EventKind::Created | EventKind::Reset | EventKind::Removed | EventKind::Compacted => {
                self.inventory.clear();
                self.holds.clear();
            }
        }
        for Holder { player, hold, .. } in holders.iter().filter(|one| one.revision <= event.revision) {
            let of_kind = if *hold { &mut self.holds } else { &mut self.inventory };
            of_kind.insert(player.clone());
        }
        Ok(())
    }
}
