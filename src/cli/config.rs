use std::{collections::HashSet, io::IsTerminal, net::SocketAddr, path::PathBuf, time::Duration};

use asset_arbiter::{
    arbiter,
    bus::{self, DRIVERS as BUSES, SWITCHED_OFF as BUSES_OFF},
    model::{NewAsset, limits::HISTORY_EVENTS, one_line, without_secrets},
    server::{Certificate, OtlpEndpoint, Settings, TokenSettings},
    store::{self, DRIVERS as STORES, HistoryLimits, Options, SWITCHED_OFF as STORES_OFF},
};

use super::{
    key::{OperatorKeys, loose_files},
    lan,
    serve_args::{LogFormat, ServeArgs},
    tokens::{KeyFile, token_settings},
    traces,
    values::{Template, template},
    webhook::{events_problems, webhook_settings},
};

/// The demo's assets, used unless others are configured.
const DEMO: [&str; 8] = [
    "sword=1",
    "shield=3",
    "potion=5",
    "crown=1",
    "map=10",
    "seat=1,hold=20s,leave=30s",
    "apple=1,grant=10s",
    "turn=1,grant=15s,cooldown=10s",
];
/// Without an expiry, rooms in memory would accumulate.
const MEMORY_TTL: Duration = Duration::from_secs(24 * 3600);
/// A human clicks ten times a second. Beyond loopback a client needs no more than a few times that.
const SELECTS_PER_SECOND: u32 = 50;

/// The whole configuration: the given values, and defaults for the rest.
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    /// `listen` says the port, or the private address.
    pub(crate) lan: bool,
    pub(crate) metrics_listen: Option<SocketAddr>,
    pub(crate) no_demo_assets: bool,
    pub(crate) insecure: bool,
    /// The files of `--token-key`, which SIGHUP reads again.
    pub(crate) token_key_files: Vec<KeyFile>,
    /// The file of `--webhook-secret-file`, which SIGHUP reads again.
    pub(crate) webhook_secret_file: Option<PathBuf>,
    pub(crate) store: String,
    pub(crate) store_options: Options,
    pub(crate) bus: String,
    /// Warnings about files with secrets that other users may read or write.
    pub(crate) loose_files: Vec<String>,
    pub(crate) arbiter: arbiter::Config,
    pub(crate) settings: Settings,
    /// The collector of traces.
    pub(crate) otlp_endpoint: Option<OtlpEndpoint>,
    pub(crate) otlp_sample: f64,
    pub(crate) log_format: LogFormat,
    pub(crate) log_level: String,
    /// The file that may change the log level while the server runs.
    pub(crate) level_file: Option<PathBuf>,
}

impl Config {
    /// Builds the configuration.
    ///
    /// # Errors
    /// All errors found, one line each.
    pub(crate) fn new(args: ServeArgs) -> Result<Self, Vec<String>> {
        let keys = OperatorKeys::read(&args);
        let tokens = token_settings(&args);
        let tls = certificate(&args);
        let webhook = webhook_settings(&args);
        let otlp = traces::endpoint(&args);
        let bus = args.bus.clone().unwrap_or_else(|| bus_of(&args.store));
        let templates = templates(&args);
        let ttl = args.room_ttl.unwrap_or(if is_memory(&args.store) { MEMORY_TTL } else { Duration::ZERO });
        let store_options = Options {
            room_ttl: (!ttl.is_zero()).then_some(ttl),
            max_assets: Some(args.max_stored_assets),
            events_backlog: args.events.then_some(args.events_backlog),
            history: (args.events && !args.history.is_zero())
                .then_some(HistoryLimits { age: args.history, events: HISTORY_EVENTS }),
        };
        let mut found = problems(&args, &templates, &keys);
        found.extend(wrong_urls(&args, &bus, store_options));
        found.extend(unsuited(&args, &templates));
        found.extend(tokens.as_ref().err().into_iter().flatten().cloned());
        found.extend(tls.as_ref().err().cloned());
        found.extend(webhook.as_ref().err().into_iter().flatten().cloned());
        found.extend(otlp.as_ref().err().cloned());
        let (Ok(keys), Ok(tokens), Ok(tls), Ok(webhook), Ok(otlp_endpoint), true) =
            (keys, tokens, tls, webhook, otlp, found.is_empty())
        else {
            return Err(found);
        };
        Ok(Self {
            listen: args.listen,
            lan: args.lan,
            metrics_listen: args.metrics_listen,
            no_demo_assets: args.no_demo_assets,
            insecure: args.insecure,
            token_key_files: args.token_key.clone(),
            webhook_secret_file: args.webhook_secret_file.clone(),
            bus,
            store_options,
            loose_files: loose_files(&args),
            arbiter: rules(&args, templates),
            otlp_endpoint,
            otlp_sample: args.otlp_sample,
            log_format: args.log_format.unwrap_or_else(log_format),
            log_level: args.log_level.clone(),
            level_file: args.level_file.clone(),
            store: args.store.clone(),
            settings: Settings { webhook, ..settings(args, keys, tokens, tls) },
        })
    }

    /// Warnings about the access that strangers have, one line each.
    pub(crate) fn unsafe_ways(&self) -> Vec<&'static str> {
        let open = !self.listen.ip().is_loopback() && !self.lan;
        let no_tokens = !self.settings.tokens.are_used();
        let no_key = self.settings.admin_key.is_none();
        let any_page = self.settings.allow_origin.iter().any(|origin| origin.to_string() == "*");
        let ways = [
            (open && no_tokens, "everyone who reaches this address may play in any player's name (--insecure)"),
            (open && no_key, "everyone who reaches it may create, restock and remove assets (no admin key)"),
            (self.lan, "everyone in this network may play in any player's name (--lan)"),
            (any_page, "every page a player opens may play in the player's name (--allow-origin *)"),
        ];
        ways.into_iter().filter_map(|(so, way)| so.then_some(way)).collect()
    }
}

fn rules(args: &ServeArgs, templates: Vec<Template>) -> arbiter::Config {
    arbiter::Config {
        select_deadline: args.select_deadline,
        sold_out_ttl: args.sold_out_ttl,
        resync_interval: args.resync_interval,
        room_log: args.room_log,
        room_linger: args.room_linger,
        presence_limit: args.presence_limit,
        max_rooms: args.max_rooms,
        max_members: args.max_members,
        max_assets: args.max_assets,
        max_units: args.max_units,
        templates,
        auto_create: args.auto_create,
        same_player: args.same_player,
        max_hold: args.max_hold,
        clock_starts_at: None,
        spans: arbiter::Spans::default(),
    }
}

fn settings(args: ServeArgs, keys: OperatorKeys, tokens: TokenSettings, tls: Option<Certificate>) -> Settings {
    let only_here = args.listen.ip().is_loopback() && !args.lan;
    let unsaid = if only_here { 0 } else { SELECTS_PER_SECOND };
    Settings {
        allow_origin: args.allow_origin,
        admin_key: keys.admin,
        viewer_key: keys.viewer,
        changes_only_here: args.lan,
        tokens_in_urls: args.listen.ip().is_loopback() || args.insecure,
        tokens,
        tls,
        ping_interval: args.ping_interval,
        ping_timeout: args.ping_timeout,
        write_timeout: args.write_timeout,
        handshake_timeout: args.handshake_timeout,
        idle_timeout: args.idle_timeout,
        drain_timeout: args.drain_timeout,
        max_connections: args.max_connections,
        max_message: args.max_message,
        selects_per_second: args.selects_per_second.unwrap_or(unsaid),
        connections_per_address: args.connections_per_address,
        joins_per_minute_per_address: args.joins_per_minute_per_address,
        selects_per_second_per_player: args.selects_per_second_per_player,
        limits_dry_run: args.limits_dry_run,
        trusted_proxies: args.trusted_proxy,
        in_flight: args.in_flight,
        webhook: None,
    }
}

/// Reads the certificate and its key, so that a wrong file is told before anything starts.
fn certificate(args: &ServeArgs) -> Result<Option<Certificate>, String> {
    match (&args.tls_cert, &args.tls_key) {
        (None, None) => Ok(None),
        (Some(cert), Some(key)) => {
            Certificate::load(cert, key).map(Some).map_err(|error| one_line(&error.to_string()))
        }
        (Some(cert), None) => {
            Err(format!("--tls-cert {}: name its private key with --tls-key, too", cert.display()))
        }
        (None, Some(key)) => {
            Err(format!("--tls-key {}: name its certificate chain with --tls-cert, too", key.display()))
        }
    }
}

fn problems(args: &ServeArgs, templates: &[Template], keys: &Result<OperatorKeys, Vec<String>>) -> Vec<String> {
    let mut found = keys.as_ref().err().cloned().unwrap_or_default();
    found.extend(lan::conflicts(args));
    found.extend(too_much(args, templates));
    found.extend(events_problems(args));
    found.extend(too_open(args, keys.as_ref().is_ok_and(|keys| keys.admin.is_none())));
    found
}

/// Beyond loopback a server asks players for tokens and operators for the admin key.
fn too_open(args: &ServeArgs, no_key: bool) -> Option<String> {
    let no_tokens = args.token_key.is_empty() && args.token_jwks.is_none();
    let (danger, remedy) = match (no_tokens, no_key) {
        _ if args.listen.ip().is_loopback() || args.insecure || args.lan => return None,
        (false, false) => return None,
        (true, false) => {
            ("play in any player's name (there are no player tokens)", "give --token-key or --token-jwks")
        }
        (false, true) => ("create, restock and remove assets (there is no admin key)", "give --admin-key-file"),
        (true, true) => (
            "play in any player's name (there are no player tokens), and there is no admin key",
            "give --token-key or --token-jwks, and --admin-key-file",
        ),
    };
    let address = args.listen;
    Some(format!(
        "refusing to listen on {address}: everyone who reaches it could {danger}; {remedy}, or listen on 127.0.0.1, or \
         say --insecure if that is what you want"
    ))
}

/// Checks the URLs without connecting.
fn wrong_urls(args: &ServeArgs, bus: &str, options: Options) -> Vec<String> {
    let stores: Vec<_> = STORES.iter().flat_map(|driver| driver.schemes).copied().collect();
    let buses: Vec<_> = BUSES.iter().flat_map(|driver| driver.schemes).copied().collect();
    let wrong = |flag: &str, why: &dyn ToString| format!("cannot use {flag}: {}", one_line(&why.to_string()));
    let store = unknown_scheme("--store", &args.store, &stores, STORES_OFF)
        .or_else(|| Some(wrong("--store", &store::check(&args.store, options).err()?)));
    // If the bus URL was derived from a faulty store URL, the error is reported once.
    let bus = (args.bus.is_some() || store.is_none()).then(|| {
        unknown_scheme("--bus", bus, &buses, BUSES_OFF)
            .or_else(|| Some(wrong("--bus", &bus::check(bus).err()?)))
    });
    store.into_iter().chain(bus.flatten()).collect()
}

/// Reports a configuration that the store does not support, with advice.
fn unsuited(args: &ServeArgs, templates: &[Template]) -> Option<String> {
    let (limits, scheme) = (store::driver(&args.store)?.limits, scheme(&args.store));
    if !limits.select_creates && (args.auto_create.is_some() || !templates.is_empty()) {
        return Some(format!(
            "--store {scheme}: forgets by itself and could not tell a new asset from one it forgot: leave out --asset and \
             --auto-create, and create assets with PUT /v1/rooms/ROOM/assets/ASSET"
        ));
    }
    let templates = templates.iter().map(|(asset, new)| (format!("--asset {asset}={}", new.units), new.units));
    let auto_create = args.auto_create.map(|units| (format!("--auto-create {units}"), units));
    let (flag, _) = templates.chain(auto_create).find(|(_, units)| *units > limits.units)?;
    Some(format!("{flag}: an asset in {scheme}: has at most {} units", limits.units))
}

fn unknown_scheme(flag: &str, url: &str, known: &[&str], switched_off: &[(&str, &[&str])]) -> Option<String> {
    let scheme = scheme(url);
    let list = || known.iter().map(|scheme| format!("{scheme}:")).collect::<Vec<_>>().join(", ");
    let off = switched_off.iter().find(|(_, schemes)| schemes.contains(&scheme));
    let feature = off.map_or_else(String::new, |(name, _)| format!(" without the cargo feature {name:?}"));
    // Only the scheme is shown, because the rest of an unknown URL may contain a password.
    let shown = without_secrets(url);
    let shown = shown.split_once(':').map_or(&*shown, |(scheme, _)| scheme);
    let list = || format!("{flag}: no driver for {shown:?}{feature}; this build has {}", list());
    (!known.contains(&scheme)).then(list)
}

fn too_much(args: &ServeArgs, templates: &[Template]) -> Vec<String> {
    let mut found = Vec::new();
    let mut names = HashSet::new();
    for (asset, new) in templates {
        if !names.insert(asset) {
            found.push(format!("--asset: {asset} is given twice"));
        }
        if new.units > args.max_units {
            found.push(format!("--asset: {asset}={} is more than --max-units {}", new.units, args.max_units));
        }
        if holds_too_long(new, args) {
            found.push(format!("--asset: the hold of {asset} is longer than --max-hold {:?}", args.max_hold));
        }
    }
    if templates.len() > args.max_assets {
        found.push(format!(
            "--asset: {} assets are more than --max-assets {}",
            templates.len(),
            args.max_assets
        ));
    }
    if let Some(units) = args.auto_create.filter(|units| *units > args.max_units) {
        found.push(format!("--auto-create {units} is more than --max-units {}", args.max_units));
    }
    found
}

/// Demo assets that exceed the limits are left out. Assets configured by the operator never are.
fn templates(args: &ServeArgs) -> Vec<Template> {
    if !args.asset.is_empty() || args.no_demo_assets || !is_memory(&args.store) {
        return args.asset.clone();
    }
    let fits = |new: &NewAsset| new.units <= args.max_units && !holds_too_long(new, args);
    let demo = DEMO.iter().filter_map(|text| template(text).ok());
    demo.filter(|(_, new)| fits(new)).take(args.max_assets).collect()
}

fn holds_too_long(new: &NewAsset, args: &ServeArgs) -> bool {
    new.options.hold_ms.is_some_and(|hold| u128::from(hold) > args.max_hold.as_millis())
}

/// A store that supports messaging is also the default bus. Only the options that the bus knows are kept.
fn bus_of(store: &str) -> String {
    let driver = BUSES.iter().find(|driver| driver.schemes.contains(&scheme(store)));
    let Some(options) = driver.and_then(|driver| driver.of_a_store) else { return "local:".to_owned() };
    let Some((server, query)) = store.split_once('?') else { return store.to_owned() };
    let fits = |option: &&str| option.split('=').next().is_some_and(|name| options.contains(&name));
    let query = query.split('&').filter(fits).collect::<Vec<_>>().join("&");
    if query.is_empty() { server.to_owned() } else { format!("{server}?{query}") }
}

fn scheme(url: &str) -> &str {
    url.split_once(':').map_or(url, |(scheme, _)| scheme)
}

fn is_memory(store: &str) -> bool {
    scheme(store) == "memory"
}

fn log_format() -> LogFormat {
    if std::io::stderr().is_terminal() { LogFormat::Pretty } else { LogFormat::Json }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_carries_messages_is_its_own_bus() {
        for (store, bus) in [
            ("memory:", "local:"),
            ("sqlite:file?ttl=2h", "local:"),
            #[cfg(feature = "redis")]
            ("redis://me:pw@host/3", "redis://me:pw@host/3"),
            #[cfg(feature = "redis")]
            ("redis+cluster://a,b?wait=1&prefix=game%3A&ttl=2h", "redis+cluster://a,b?prefix=game%3A"),
            #[cfg(feature = "redis")]
            ("rediss://a?wait=1&wait_timeout_ms=9", "rediss://a"),
        ] {
            assert_eq!(bus_of(store), bus, "{store}");
        }
    }
}
