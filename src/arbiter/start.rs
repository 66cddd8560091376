//! Starts an arbiter: makes its parts and hands each those it needs.

use std::sync::Arc;

use super::{
    Arbiter, Config, Outbox, Revocations, Vital,
    batch::Batches,
    commands::Commands,
    events::Events,
    expiry::Expiry,
    heartbeat::Heartbeats,
    holdings::Holdings,
    join::Joins,
    kick::Kicks,
    node::Node,
    readiness::Readiness,
    registry::Registry,
    regressed_rooms::RegressedRooms,
    regression::Regression,
    removal::Removal,
    repair::Repair,
    requests::Requests,
    reset::Resets,
    resync::Resync,
    resync_all::ResyncAll,
    retry::StoreCalls,
    rooms::Rooms,
    same_player::SamePlayers,
    select::Selects,
    skew::Skew,
    tasks::start_tasks,
    upkeep::{Receiver, Upkeep},
};
use crate::{bus::Bus, store::Store};

impl Arbiter {
    /// Starts an arbiter on a store and a bus. Its tasks run on the current runtime until the arbiter is dropped.
    /// `seed` determines ids and jitter. Metrics are registered with the current recorder.
    #[must_use]
    pub fn start(config: Config, store: Arc<dyn Store>, bus: Arc<dyn Bus>, seed: u64) -> Arc<Self> {
        let node = Node::new(config, store, bus, seed);
        let (regressed, vital) = (Arc::<RegressedRooms>::default(), Arc::<Vital>::default());
        let registry = Registry::of(&node, regressed.clone());
        let readiness = Arc::new(Readiness::new());
        let calls = StoreCalls::new(node.clone(), registry.clone(), readiness.clone());
        let holdings = Arc::new(Holdings { node: node.clone(), calls: calls.clone() });
        let regression =
            Regression::new(node.clone(), calls.clone(), holdings.clone(), registry.clone(), regressed);
        let repair = Repair::new(node.clone(), calls.clone(), holdings, regression.clone());
        let events = Events::new(node.clone(), calls.clone(), repair.clone(), regression.clone());
        let selects = Selects::new(node.clone(), calls.clone(), regression.clone(), events.clone());
        let commands = Commands::new(node.clone(), calls.clone(), regression.clone(), events.clone());
        let skew = Skew::new(node.clone());
        let outbox = Arc::new(Outbox::new(node.clone(), calls.clone()));
        let batches = Batches::new(node.clone(), selects, commands, skew.clone(), outbox.clone());
        let heartbeats = Heartbeats::new(node.clone(), registry.clone());
        let rooms = Arc::new(Rooms {
            node: node.clone(),
            calls: calls.clone(),
            registry: registry.clone(),
            regression: regression.clone(),
            repair: repair.clone(),
            heartbeats: heartbeats.clone(),
        });
        let same_players = Arc::new(SamePlayers::new(node.clone(), registry.clone()));
        let joins = Joins::new(
            node.clone(),
            rooms.clone(),
            repair.clone(),
            batches.clone(),
            heartbeats.clone(),
            same_players.clone(),
        );
        let resync = Resync::new(node.clone(), calls.clone(), repair, regression.clone());
        let removal =
            Arc::new(Removal::new(node.clone(), calls.clone(), registry.clone(), regression, resync.clone()));
        let requests = Arc::new(Requests::new(rooms.clone(), batches.clone()));
        let kicks = Arc::new(Kicks::new(node.clone(), calls.clone(), registry.clone(), requests.clone()));
        let resets = Resets::new(node.clone(), calls.clone(), registry.clone(), requests.clone());
        let revocations = Arc::new(Revocations::new(node.clone(), calls.clone()));
        let receiver = Receiver {
            rooms: registry.clone(),
            heartbeats: heartbeats.clone(),
            events,
            removal: removal.clone(),
            resync_all: ResyncAll::new(registry.clone(), resync.clone()),
            same_players,
            kicks: kicks.clone(),
            revocations: revocations.clone(),
            outbox: outbox.clone(),
        };
        let expiry = Expiry { node: node.clone(), rooms: registry.clone(), batches: batches.clone() };
        let upkeep = Upkeep::new(node.clone(), calls.clone(), registry, heartbeats.clone(), resync);
        let tasks = start_tasks(&node, &readiness, &vital, (upkeep, expiry, skew), receiver);
        Arc::new(Self {
            node,
            calls,
            readiness,
            rooms,
            requests,
            joins,
            removal,
            kicks,
            resets,
            revocations,
            outbox,
            heartbeats,
            vital,
            _tasks: tasks,
        })
    }
}
