use std::{net::IpAddr, sync::Arc};

use axum::http::HeaderMap;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{
    App, auth::Actor, client_address::counted_as, connection_limit, error::HttpError, limits::AddressSlot,
    limits::Limit, rate_limit::RateLimit,
};
use crate::model::PlayerName;

/// Who sends a request, as far as limits are concerned. An extension of every request.
#[derive(Debug, Clone, Default)]
pub(super) struct Caller {
    /// The proxy that forwards the requests of this connection.
    proxy: Option<IpAddr>,
    /// The address that the request counts for. `None`: a proxy's own request, which is not limited.
    address: Option<IpAddr>,
    /// It is sent on this machine, and no trusted proxy forwards it.
    pub(super) is_here: bool,
    pub(super) excess: Option<Excess>,
    /// The place among its address' connections. A request that a proxy forwards has one of its own.
    pub(super) held: Option<Arc<AddressSlot>>,
    /// `--selects-per-second` of this connection.
    rate: Option<Arc<Mutex<RateLimit>>>,
}

/// The other end of a TCP connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) address: IpAddr,
    /// It is a trusted proxy, whose requests name their clients.
    pub(super) is_proxy: bool,
}

/// The limit that a connection is beyond. It is answered, and served nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    /// `--max-connections`
    Node,
    /// `--connections-per-address`
    Address,
}

/// Why an address gets no more connections.
const ADDRESS_FULL: &str = "this address has as many connections as it may have (--connections-per-address)";

impl Caller {
    /// Who sends the requests of a connection.
    pub(super) fn new(app: &App, peer: Peer, excess: Option<Excess>) -> Self {
        let Peer { address, is_proxy } = peer;
        let per_second = app.settings.selects_per_second;
        Self {
            proxy: is_proxy.then_some(address),
            address: (!is_proxy).then(|| counted_as(address)),
            is_here: !is_proxy && address.to_canonical().is_loopback(),
            excess,
            held: None,
            rate: (per_second > 0).then(|| Arc::new(Mutex::new(RateLimit::new(per_second)))),
        }
    }

    /// Finds out whose request a proxy forwards, and counts it as a connection of that address.
    ///
    /// # Errors
    /// 429: the address has too many.
    pub(super) fn identify(&mut self, app: &App, headers: &HeaderMap) -> Result<(), HttpError> {
        let Some(proxy) = self.proxy else { return Ok(()) };
        self.address = app.limits.proxies.client(proxy, headers).map(counted_as);
        let Some(address) = self.address else { return Ok(()) };
        self.held = app.limits.connect(address).map_err(|_| Excess::Address.error())?;
        if self.held.as_ref().is_some_and(|held| held.is_excess()) {
            self.excess = self.excess.or(Some(Excess::Address));
        }
        Ok(())
    }

    /// The address that the request counts for.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The client's address, if a proxy has named it.
    pub(super) fn forwarded(&self) -> Option<IpAddr> {
        self.proxy.and(self.address)
    }

    /// Counts a select or release over HTTP. Who shows the admin key is not limited: the game's own backend acts for
    /// many players on one connection.
    ///
    /// # Errors
    /// 429 beyond `--selects-per-second` or `--selects-per-second-per-player`.
    pub(super) fn may_act(&self, app: &App, actor: &Actor, player: &PlayerName) -> Result<(), HttpError> {
        if actor.shows_admin_key() {
            return Ok(());
        }
        let now = Instant::now();
        let fits = self.rate.as_ref().is_none_or(|rate| rate.lock().allows(now));
        if !fits && app.limits.refuses(Limit::SelectsPerSecond) {
            return Err(HttpError::too_many(TOO_FAST));
        }
        if !app.limits.allows_player(player, now) {
            return Err(HttpError::too_many(PLAYER_TOO_FAST));
        }
        Ok(())
    }
}

/// Why a request of a connection is refused.
pub(super) const TOO_FAST: &str = "more requests than --selects-per-second allows; slow down";
/// Why a request of a player is refused.
pub(super) const PLAYER_TOO_FAST: &str =
    "more selects and releases of this player than --selects-per-second-per-player allows; slow down";

impl Excess {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Node => connection_limit::FULL,
            Self::Address => ADDRESS_FULL,
        }
    }

    /// 503 for a full node; 429 for an address that has too many, because the next address is welcome.
    pub(super) fn error(self) -> HttpError {
        match self {
            Self::Node => HttpError::full(self.reason()),
            Self::Address => HttpError::too_many(self.reason()),
        }
        .closing()
    }
}
