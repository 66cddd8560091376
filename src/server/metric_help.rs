//! What `/metrics` says of each metric.

/// The help text of a metric; empty if it has none.
pub(super) fn help(metric: &str) -> &'static str {
    HELP.iter().find(|(name, _)| *name == metric).map_or("", |(_, text)| text)
}

pub(super) const HELP: [(&str, &str); 38] = [
    ("asset_arbiter_build_info", "Always 1; the labels say what runs."),
    ("asset_arbiter_connections", "Joined WebSockets."),
    ("asset_arbiter_event_streams", "Joined event streams."),
    ("asset_arbiter_max_connections", "What --max-connections allows."),
    ("asset_arbiter_rooms", "Active rooms."),
    ("asset_arbiter_selects_total", "Selects by how they ended."),
    ("asset_arbiter_select_duration_seconds", "From a select's message to its reply."),
    ("asset_arbiter_batch_size", "Players decided in one store call."),
    ("asset_arbiter_queue_full_total", "Changes refused because too many of the asset waited."),
    ("asset_arbiter_store_call_duration_seconds", "Every attempt of a store call; 0 for a select in memory."),
    ("asset_arbiter_store_errors_total", "Failed attempts of store calls."),
    ("asset_arbiter_store_up", "1 if the store took the last probe, which follows every failed call; else 0."),
    ("asset_arbiter_messages_received_total", "WebSocket messages received."),
    ("asset_arbiter_frames_sent_total", "Frames sent to members, over WebSockets and in event streams."),
    ("asset_arbiter_healed_readers_total", "Readers that fell behind a room's log and got a snapshot."),
    ("asset_arbiter_gaps_repaired_total", "Missing revisions read from the store."),
    ("asset_arbiter_dynamodb_capacity_units_total", "Capacity units that DynamoDB reports as consumed."),
    ("asset_arbiter_bus_up", "1 if the bus answered the last ping, else 0; a ping every 5 s."),
    ("asset_arbiter_bus_published_total", "Messages handed to the bus."),
    ("asset_arbiter_bus_received_total", "Messages of other nodes."),
    ("asset_arbiter_bus_dropped_total", "Bus messages that were lost or perhaps not sent."),
    ("asset_arbiter_bus_unreadable_total", "Bus payloads that were no message."),
    ("asset_arbiter_clock_skew_seconds", "By how much the node's clock is ahead of the store's, at least."),
    ("asset_arbiter_regressions_total", "Rooms whose store lost writes it had answered."),
    ("asset_arbiter_closes_total", "WebSockets and event streams that ended, by close code."),
    ("asset_arbiter_connections_refused_total", "TCP connections far beyond --max-connections."),
    ("asset_arbiter_limited_total", "What went over a limit by address, player or connection."),
    ("asset_arbiter_accept_errors_total", "Failed accepts."),
    ("asset_arbiter_tls_handshakes_total", "TLS handshakes by how they ended."),
    ("asset_arbiter_tls_certificate_expires_seconds", "When the served certificate expires, in Unix time."),
    ("asset_arbiter_tls_reload_failures_total", "Certificates that were read again and could not be served."),
    ("asset_arbiter_http_requests_total", "Answered HTTP requests."),
    ("asset_arbiter_webhook_deliveries_total", "Attempts to send events to the webhook, by how they ended."),
    (
        "asset_arbiter_webhook_lag_seconds",
        "The age of the oldest event that the node knows to wait for the webhook.",
    ),
    (
        "asset_arbiter_events_waiting",
        "Events that the node knows to wait for the webhook, at most 100 of a room.",
    ),
    ("asset_arbiter_webhook_paused", "1 while the webhook is paused, as the node knows."),
    ("asset_arbiter_spans_total", "Spans of selects for the collector, by what became of them."),
    ("asset_arbiter_log_lines_dropped_total", "Log lines that were not written."),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_metric_of_the_readme_has_a_help_text_and_no_other() {
        let rows =
            include_str!("../../README.md").lines().filter_map(|line| line.strip_prefix("| `asset_arbiter_"));
        let listed: BTreeSet<_> = rows.filter_map(|row| row.split(['{', '`']).next()).collect();
        let helped: BTreeSet<_> =
            HELP.iter().filter_map(|(name, _)| name.strip_prefix("asset_arbiter_")).collect();
        assert_eq!(listed, helped);
    }
}
