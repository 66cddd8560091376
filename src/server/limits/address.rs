use std::{net::IpAddr, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Limits, table::Idle};
use crate::server::rate_limit::{Bucket, Rate};

/// What is known of one address.
#[derive(Debug)]
pub(super) struct Address {
    connections: u32,
    joins: Bucket,
}

impl Address {
    pub(super) fn new(now: Instant) -> Self {
        Self { connections: 0, joins: Bucket::new(now) }
    }

    /// Counts a connection if there are fewer than `most`. Returns how many there were.
    pub(super) fn connect(&mut self, most: u32) -> u32 {
        let before = self.connections;
        if before < most {
            self.connections += 1;
        }
        before
    }

    pub(super) fn disconnect(&mut self) {
        self.connections = self.connections.saturating_sub(1);
    }

    pub(super) fn join(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        self.joins.take(rate, now)
    }
}

impl Idle for Address {
    fn is_idle(&self, now: Instant) -> bool {
        self.connections == 0 && self.joins.is_full(now)
    }
}

/// One connection of an address. It counts until it is dropped.
#[derive(Debug)]
pub(in crate::server) struct AddressSlot {
    limits: Arc<Limits>,
    address: IpAddr,
    excess: bool,
}

impl AddressSlot {
    pub(super) fn new(limits: Arc<Limits>, address: IpAddr, excess: bool) -> Arc<Self> {
        Arc::new(Self { limits, address, excess })
    }

    /// Whether the connection is over the limit of its address.
    pub(in crate::server) fn is_excess(&self) -> bool {
        self.excess
    }
}

impl Drop for AddressSlot {
    fn drop(&mut self) {
        self.limits.disconnect(self.address);
    }
}
