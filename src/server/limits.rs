//! Limits by address and by player. They count before anything else is spent.

mod address;
mod table;

use std::{net::IpAddr, sync::Arc, time::Duration};

use metrics::{Counter, counter};
use tokio::{
    task::yield_now,
    time::{Instant, interval},
};

pub(super) use self::address::AddressSlot;
use self::{
    address::Address,
    table::{Idle, Table},
};
use super::{
    Settings,
    client_address::Proxies,
    rate_limit::{Bucket, Rate},
};
use crate::model::{
    PlayerName,
    limits::{ADDRESS_SURPLUS, COUNTED_ADDRESSES, COUNTED_PLAYERS, FORGET_SECS},
};

/// The limits of one server, and what they have counted.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) proxies: Proxies,
    /// 0: unlimited.
    connections: u32,
    joins: Option<Rate>,
    player_selects: Option<Rate>,
    dry_run: bool,
    addresses: Table<IpAddr, Address>,
    players: Table<PlayerName, Bucket>,
    counted: [Counted; 4],
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy)]
pub(super) enum Limit {
    ConnectionsPerAddress,
    JoinsPerMinutePerAddress,
    SelectsPerSecondPerPlayer,
    SelectsPerSecond,
}

/// An address has so many connections that the next one is not worth an answer.
#[derive(Debug)]
pub(super) struct TooMany;

/// What one limit would have refused: what it did refuse, and what it allowed in a dry run.
#[derive(Debug)]
struct Counted {
    refused: Counter,
    allowed: Counter,
}

impl Limits {
    pub(super) fn new(settings: &Settings) -> Arc<Self> {
        let counted = |limit: Limit| {
            let counter = |outcome: &'static str| counter!("asset_arbiter_limited_total", "limit" => limit.label(), "outcome" => outcome);
            Counted { refused: counter("refused"), allowed: counter("allowed") }
        };
        Arc::new(Self {
            proxies: Proxies::new(&settings.trusted_proxies),
            connections: settings.connections_per_address,
            joins: Rate::new(settings.joins_per_minute_per_address, Duration::from_secs(60)),
            player_selects: Rate::new(settings.selects_per_second_per_player, Duration::from_secs(1)),
            dry_run: settings.limits_dry_run,
            addresses: Table::new(COUNTED_ADDRESSES),
            players: Table::new(COUNTED_PLAYERS),
            counted: Limit::ALL.map(counted),
        })
    }

    /// Counts a connection of an address until the slot is dropped. `None`: it is not counted, because there is no
    /// limit or no memory for more addresses.
    ///
    /// # Errors
    /// The address is over its limit by more than [`ADDRESS_SURPLUS`].
    pub(super) fn connect(self: &Arc<Self>, address: IpAddr) -> Result<Option<Arc<AddressSlot>>, TooMany> {
        if self.connections == 0 {
            return Ok(None);
        }
        let most = if self.dry_run { u32::MAX } else { self.connections.saturating_add(ADDRESS_SURPLUS) };
        let connect = |address: &mut Address| address.connect(most);
        let Some(before) = self.addresses.with(address, Instant::now(), Address::new, connect) else {
            return Ok(None);
        };
        let excess = before >= self.connections && self.refuses(Limit::ConnectionsPerAddress);
        if before >= most {
            return Err(TooMany);
        }
        Ok(Some(AddressSlot::new(Arc::clone(self), address, excess)))
    }

    fn disconnect(&self, address: IpAddr) {
        self.addresses.release(address, Instant::now(), Address::disconnect);
    }

    /// Counts a join of an address.
    ///
    /// # Errors
    /// The address joins too often. The time until it may again.
    pub(super) fn join(&self, address: IpAddr) -> Result<(), Duration> {
        let Some(rate) = self.joins else { return Ok(()) };
        let now = Instant::now();
        let taken = self.addresses.with(address, now, Address::new, |address| address.join(rate, now));
        match taken {
            Some(Err(wait)) if self.refuses(Limit::JoinsPerMinutePerAddress) => Err(wait),
            _ => Ok(()),
        }
    }

    /// Counts a select or release of a player, on whichever connection. Returns false if it is refused.
    pub(super) fn allows_player(&self, player: &PlayerName, now: Instant) -> bool {
        let Some(rate) = self.player_selects else { return true };
        let taken = self.players.with(player.clone(), now, Bucket::new, |bucket| bucket.take(rate, now));
        !(matches!(taken, Some(Err(_))) && self.refuses(Limit::SelectsPerSecondPerPlayer))
    }

    /// Counts what a limit does not allow. Returns false in a dry run.
    pub(super) fn refuses(&self, limit: Limit) -> bool {
        let counted = &self.counted[limit as usize];
        if self.dry_run {
            counted.allowed.increment(1)
        } else {
            counted.refused.increment(1)
        }
        !self.dry_run
    }

    /// Forgets addresses and players that were not seen for a while. Runs until dropped.
    pub(super) async fn forget(self: Arc<Self>) -> std::convert::Infallible {
        let mut rounds = interval(Duration::from_secs(FORGET_SECS));
        loop {
            rounds.tick().await;
            self.addresses.sweep(yield_now).await;
            self.players.sweep(yield_now).await;
        }
    }
}

impl Limit {
    const ALL: [Self; 4] = [
        Self::ConnectionsPerAddress,
        Self::JoinsPerMinutePerAddress,
        Self::SelectsPerSecondPerPlayer,
        Self::SelectsPerSecond,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::ConnectionsPerAddress => "connections_per_address",
            Self::JoinsPerMinutePerAddress => "joins_per_minute_per_address",
            Self::SelectsPerSecondPerPlayer => "selects_per_second_per_player",
            Self::SelectsPerSecond => "selects_per_second",
        }
    }
}

impl Idle for Bucket {
    fn is_idle(&self, now: Instant) -> bool {
        self.is_full(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(adjust: impl FnOnce(&mut Settings)) -> Arc<Limits> {
        let mut settings = Settings::default();
        adjust(&mut settings);
        Limits::new(&settings)
    }

    const ANN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const BOB: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[tokio::test(start_paused = true)]
    async fn an_address_has_its_connections_a_few_that_are_told_and_no_more() {
        let limits = limits(|settings| settings.connections_per_address = 2);
        let mut slots: Vec<_> =
            (0..2 + ADDRESS_SURPLUS).map(|_| limits.connect(ANN).unwrap().unwrap()).collect();
        assert_eq!(slots.iter().filter(|slot| slot.is_excess()).count(), ADDRESS_SURPLUS as usize);
        assert!(limits.connect(ANN).is_err());
        assert!(!limits.connect(BOB).unwrap().unwrap().is_excess(), "another address is not harmed");
        slots.truncate(1);
        assert!(!limits.connect(ANN).unwrap().unwrap().is_excess());
        slots.clear();
        assert_eq!(limits.addresses.len(), 0, "who has left is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_joins_so_often_a_minute_and_is_forgotten_after_it() {
        let limits = limits(|settings| settings.joins_per_minute_per_address = 3);
        assert!((0..3).all(|_| limits.join(ANN).is_ok()));
        assert_eq!(limits.join(ANN), Err(Duration::from_secs(20)));
        assert_eq!(limits.join(BOB), Ok(()));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(limits.join(ANN), Ok(()));
        tokio::time::advance(Duration::from_secs(60)).await;
        limits.addresses.sweep(yield_now).await;
        assert_eq!(limits.addresses.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dry_run_refuses_nobody() {
        let limits = limits(|settings| {
            settings.connections_per_address = 1;
            settings.joins_per_minute_per_address = 1;
            settings.selects_per_second_per_player = 1;
            settings.limits_dry_run = true;
        });
        let (ann, now) = ("ann".parse().unwrap(), Instant::now());
        let slots: Vec<_> = (0..100).map(|_| limits.connect(ANN).unwrap().unwrap()).collect();
        assert!(slots.iter().all(|slot| !slot.is_excess()));
        assert!((0..100).all(|_| limits.join(ANN).is_ok() && limits.allows_player(&ann, now)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_player_has_one_rate_on_all_connections() {
        let limits = limits(|settings| settings.selects_per_second_per_player = 5);
        let [ann, bob] = ["ann", "bob"].map(|name| name.parse().unwrap());
        let allowed = |player| (0..50).filter(|_| limits.allows_player(player, Instant::now())).count();
        assert_eq!((allowed(&ann), allowed(&ann), allowed(&bob)), (5, 0, 5));
        tokio::time::advance(Duration::from_secs(1)).await;
        limits.players.sweep(yield_now).await;
        assert_eq!((limits.players.len(), allowed(&ann)), (0, 5));
    }
}
