//! The `check-config` command.

use std::{fmt::Display, path::Path, process::ExitCode, time::Duration};

use asset_arbiter::{
    model::{AssetOptions, NewAsset, without_secrets},
    server::Settings,
};

use super::{Config, failed, say, serve_args::ServeArgs};

/// Reports all configuration errors and returns 1, or prints the resulting configuration and returns 0. Opens nothing.
pub(super) fn check(args: ServeArgs, mut problems: Vec<String>) -> ExitCode {
    match Config::new(args) {
        Ok(config) if problems.is_empty() => return show(&config),
        Ok(_) => {}
        Err(more) => problems.extend(more),
    }
    failed(&problems, 1)
}

fn show(config: &Config) -> ExitCode {
    let mut text = String::from("the configuration is fine:\n");
    for (flag, value) in effective(config) {
        text += &format!("  {flag:<29} {value}\n");
    }
    for way in config.unsafe_ways() {
        text += &format!("unsafe: {way}\n");
    }
    for file in &config.loose_files {
        text += &format!("warning: {file}\n");
    }
    say::result(text);
    ExitCode::SUCCESS
}

/// The effective value of each flag, without secrets.
fn effective(config: &Config) -> [(&'static str, String); 55] {
    let Config { listen, metrics_listen, store, store_options, bus, arbiter, settings, log_level, .. } = config;
    let templates = arbiter.templates.iter().map(|(asset, new)| format!("{asset}={}", shown(new)));
    let tokens = &settings.tokens;
    [
        ("listen", listen.to_string()),
        ("lan", config.lan.to_string()),
        ("metrics-listen", metrics_listen.map_or("with the players".to_owned(), |address| address.to_string())),
        ("store", without_secrets(store)),
        ("bus", without_secrets(bus)),
        ("asset", none_or_list(templates)),
        ("no-demo-assets", config.no_demo_assets.to_string()),
        ("auto-create", arbiter.auto_create.map_or("off".to_owned(), |units| units.to_string())),
        ("events", on_or_off(store_options.events_backlog.is_some())),
        ("history", store_options.history.map_or("off".to_owned(), |kept| time(kept.age))),
        ("webhook", settings.webhook.as_ref().map_or("none".to_owned(), |webhook| webhook.url.to_string())),
        (
            "webhook-secret-file",
            config.webhook_secret_file.as_ref().map_or("none".to_owned(), |file| file.display().to_string()),
        ),
        ("sold-out-ttl", time(arbiter.sold_out_ttl)),
        ("select-deadline", time(arbiter.select_deadline)),
        ("resync-interval", time(arbiter.resync_interval)),
        ("write-timeout", time(settings.write_timeout)),
        ("max-hold", time(arbiter.max_hold)),
        ("ping-interval", time(settings.ping_interval)),
        ("ping-timeout", time(settings.ping_timeout)),
        ("handshake-timeout", time(settings.handshake_timeout)),
        ("idle-timeout", time(settings.idle_timeout)),
        ("drain-timeout", time(settings.drain_timeout)),
        ("room-log", arbiter.room_log.to_string()),
        ("room-linger", time(arbiter.room_linger)),
        ("room-ttl", store_options.room_ttl.map_or("off".to_owned(), time)),
        ("same-player", arbiter.same_player.to_string()),
        ("presence-limit", arbiter.presence_limit.to_string()),
        ("max-connections", settings.max_connections.to_string()),
        ("max-rooms", arbiter.max_rooms.to_string()),
        ("max-members", arbiter.max_members.to_string()),
        ("max-assets", arbiter.max_assets.to_string()),
        ("max-units", arbiter.max_units.to_string()),
        ("max-stored-assets", store_options.max_assets.map_or("unlimited".to_owned(), |most| most.to_string())),
        ("events-backlog", store_options.events_backlog.map_or("off".to_owned(), |most| most.to_string())),
        ("max-message", format!("{} bytes", settings.max_message)),
        ("selects-per-second", limit(settings.selects_per_second)),
        ("connections-per-address", limit(settings.connections_per_address)),
        ("joins-per-minute-per-address", limit(settings.joins_per_minute_per_address)),
        ("selects-per-second-per-player", limit(settings.selects_per_second_per_player)),
        ("limits-dry-run", settings.limits_dry_run.to_string()),
        ("trusted-proxy", none_or_list(settings.trusted_proxies.iter())),
        ("in-flight", settings.in_flight.to_string()),
        ("allow-origin", none_or_list(settings.allow_origin.iter())),
        ("insecure", config.insecure.to_string()),
        ("admin key", settings.admin_key.as_ref().map_or("none".to_owned(), |key| format!("{key:?}"))),
        ("viewer key", settings.viewer_key.as_ref().map_or("none".to_owned(), |key| format!("{key:?}"))),
        ("token-key", none_or_list(tokens.keys.iter().map(|key| format!("{}={}", key.id(), key.algorithm())))),
        ("token-jwks", tokens.jwks.as_ref().map_or("none".to_owned(), ToString::to_string)),
        ("token-max-age", time(tokens.max_age)),
        ("tls-cert", tls(settings, |(cert, _)| cert)),
        ("tls-key", tls(settings, |(_, key)| key)),
        ("otlp-endpoint", config.otlp_endpoint.as_ref().map_or("none".to_owned(), ToString::to_string)),
        ("otlp-sample", config.otlp_sample.to_string()),
        ("log-format", format!("{:?}", config.log_format).to_lowercase()),
        ("log-level", log_level.clone()),
    ]
}

fn tls<'a>(settings: &'a Settings, file: fn((&'a Path, &'a Path)) -> &'a Path) -> String {
    settings.tls.as_ref().map_or("none".to_owned(), |tls| file(tls.files()).display().to_string())
}

fn on_or_off(is_on: bool) -> String {
    if is_on { "on" } else { "off" }.to_owned()
}

fn limit(most: u32) -> String {
    if most == 0 { "unlimited".to_owned() } else { most.to_string() }
}

fn none_or_list(items: impl Iterator<Item = impl Display>) -> String {
    let list = items.map(|item| item.to_string()).collect::<Vec<_>>().join(" ");
    if list.is_empty() { "none".to_owned() } else { list }
}

fn time(duration: Duration) -> String {
    if duration.is_zero() { "0".to_owned() } else { format!("{duration:?}") }
}

/// The units and the options as `--asset` has them.
fn shown(new: &NewAsset) -> String {
    let AssetOptions { hold_ms, grant_ms, leave_ms, cooldown_ms, .. } = new.options;
    let options = [("hold", hold_ms), ("grant", grant_ms), ("leave", leave_ms), ("cooldown", cooldown_ms)];
    let given = options
        .into_iter()
        .filter_map(|(name, ms)| Some(format!(",{name}={}", time(Duration::from_millis(ms?)))));
    format!("{}{}", new.units, given.collect::<String>())
}
