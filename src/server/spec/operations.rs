//! Every operation of the API. `routes.rs` gives each its handler.

use schemars::{JsonSchema, Schema, json_schema};
use serde_json::Value;

use super::operation::{
    Answer, OpenTo, Operation, Parameter,
    Verb::{Delete, Get, Post, Put},
};
use crate::{
    model::{AssetState, DisplayName, PlayerName, RoomName, Token, limits},
    server::{
        assets::{Create, HOLDERS, Holders, InTheNameOf, RemovedAsset, Restock},
        backend_events::{ACK, Acknowledge, Events, PATH as EVENTS},
        error, events,
        health::{ALIVE, Health, METRICS, METRICS_TYPE, READY},
        history::{History, PATH as HISTORY, Place},
        leases::{Confirm, Confirmed, Extended, NotConfirmed},
        overview::{Node, PLAYER, PLAYERS, Player, Players, ROOMS, Rooms},
        replies::{Denied, Released, Selected},
        revocations::{List, PATH as REVOCATIONS, Revoke, Shown},
        rooms::{KICK as KICK_PATH, KickedPlayer, RemovedRoom, ResetRoom, Room},
        webhooks::{PATH as WEBHOOKS, RESUME, WebhookList},
        whole_number::WholeNumber,
        ws,
    },
};

pub(in crate::server) const JOIN: Operation = Operation::new(
    Get,
    ws::ROUTE,
    "joinRoom",
    "Opens a WebSocket to a room; `/asyncapi.json` has its messages.",
)
.query(&OF_JOINS)
.answers(&[Answer::nothing(101, "The connection is a WebSocket.")])
.refusals(&[426]);

/// The query of whoever joins a room.
const OF_JOINS: [Parameter; 5] = [
    Parameter::new::<PlayerName>("player", "Who joins. Without it, or a token, the connection only listens."),
    Parameter::new::<DisplayName>("name", "How others see the player; only with `player`."),
    Parameter::new::<Epoch>("epoch", "The `epoch` of the last `welcome`, to resume."),
    Parameter::new::<WholeNumber>("offset", "The `offset` of the last room frame, to resume."),
    Parameter::new::<Token>("token", "A player token, where the server takes one from a URL."),
];

pub(in crate::server) const LISTEN: Operation = Operation::new(
    Get,
    events::ROUTE,
    "listen",
    "Joins a room and streams its frames as Server-Sent Events: `data` is a frame as `/asyncapi.json` has it. A temporary \
     refusal is a stream of one event `close`.",
)
.open_to(OpenTo::Readers)
.query(&OF_JOINS)
.headers(&[Parameter::new::<EventId>("Last-Event-ID", "The `id` of the last event, to resume.")])
.answers(&[
    Answer::text(200, "The frames, until the event `close`.", events::EVENT_STREAM),
    Answer::nothing(204, "The last stream ended with a code after which no client reconnects."),
])
.refusals(&[409]);

pub(in crate::server) const SHOW_NODE: Operation = Operation::new(
    Get,
    "/v1/node",
    "showNode",
    "Shows which node answers, and what the key that is shown allows.",
)
.open_to(OpenTo::Operators)
.answers(&[Answer::json::<Node>(200, "The node.")]);

pub(in crate::server) const LIST_ROOMS: Operation = Operation::new(
    Get,
    ROOMS,
    "listRooms",
    "Lists the rooms that this node has loaded, in pages. Other nodes have loaded others.",
)
.open_to(OpenTo::Operators)
.query(&[
    Parameter::new::<RoomName>("prefix", "Only rooms whose names begin so."),
    Parameter::new::<RoomOrder>("order", "Which rooms come first; if absent, by `name`."),
    Parameter::new::<String>("after", "The `next_after` of the page before, in the same order."),
    Parameter::new::<PageSize>("limit", "The rooms of a page; if absent, as many as there can be."),
])
.answers(&[Answer::json::<Rooms>(200, "A page of rooms.")]);

pub(in crate::server) const LIST_PLAYERS: Operation = Operation::new(
    Get,
    PLAYERS,
    "listPlayers",
    "Lists the players in a room that this node knows by name, in pages.",
)
.open_to(OpenTo::Operators)
.query(&[
    Parameter::new::<PlayerName>("after", "Only players after this one."),
    Parameter::new::<PageSize>("limit", "The players of a page; if absent, as many as there can be."),
])
.answers(&[Answer::json::<Players>(200, "A page of players, by name; none if the room is not loaded.")]);

pub(in crate::server) const SHOW_PLAYER: Operation = Operation::new(
    Get,
    PLAYER,
    "showPlayer",
    "Searches the rooms that this node has loaded for a player's connections and holdings, in pages.",
)
.open_to(OpenTo::Operators)
.query(&[
    Parameter::new::<RoomName>("after", "Only rooms after this one."),
    Parameter::new::<PageSize>("limit", "The rooms that are searched; if absent, as many as there can be."),
])
.answers(&[Answer::json::<Player>(200, "The rooms that have something of the player.")]);

pub(in crate::server) const SHOW_ROOM: Operation =
    Operation::new(Get, "/v1/rooms/{room}", "showRoom", "Shows a room with all its assets.")
        .open_to(OpenTo::Readers)
        .answers(&[Answer::json::<Room<'static>>(200, "The room.")])
        .refusals(&[404]);

pub(in crate::server) const REMOVE_ROOM: Operation =
    Operation::new(Delete, "/v1/rooms/{room}", "removeRoom", "Removes a room with all its assets.")
        .open_to(OpenTo::Admins)
        .answers(&[Answer::json::<RemovedRoom>(200, "The room is removed.")])
        .refusals(&[404]);

pub(in crate::server) const RESET_ROOM: Operation = Operation::new(
    Post,
    "/v1/rooms/{room}/reset",
    "resetRoom",
    "Makes every asset of a room whole again; its members stay.",
)
.open_to(OpenTo::Admins)
.answers(&[Answer::json::<ResetRoom>(200, "Nobody holds anything, and all units of the creation are left.")])
.refusals(&[404]);

pub(in crate::server) const KICK: Operation =
    Operation::new(Delete, KICK_PATH, "kick", "Ends a player's connections to a room, on all nodes.")
        .open_to(OpenTo::Admins)
        .query(&[Parameter::new::<bool>("release", "Whether the player's units are returned, too.")])
        .answers(&[Answer::json::<KickedPlayer>(200, "The connections end.")]);

pub(in crate::server) const REVOKE: Operation =
    Operation::new(Post, REVOCATIONS, "revoke", "Ends player tokens before they expire, on all nodes.")
        .open_to(OpenTo::Admins)
        .body::<Revoke>()
        .answers(&[Answer::json::<Shown>(200, "They have ended.")])
        .refusals(&[409]);

pub(in crate::server) const SHOW_REVOCATIONS: Operation =
    Operation::new(Get, REVOCATIONS, "showRevocations", "Shows the revocations that have not ended.")
        .open_to(OpenTo::Admins)
        .answers(&[Answer::json::<List>(200, "They are these.")]);

pub(in crate::server) const TAKE_EVENTS: Operation = Operation::new(
    Get,
    EVENTS,
    "takeEvents",
    "Hands out changes that are not acknowledged, oldest first; the same come again after 30 s.",
)
.open_to(OpenTo::Admins)
.query(&[
    Parameter::new::<PageSize>("limit", "The most events; 100 if absent."),
    Parameter::new::<Wait>("wait", "How long to wait for the first event, such as `30s`; at most a minute."),
])
.answers(&[Answer::json::<Events>(200, "The events; none if nothing happened.")])
.refusals(&[409]);

pub(in crate::server) const ACKNOWLEDGE_EVENTS: Operation =
    Operation::new(Post, ACK, "acknowledgeEvents", "Acknowledges events: they are not handed out again.")
        .open_to(OpenTo::Admins)
        .body::<Acknowledge>()
        .answers(&[Answer::nothing(204, "They are acknowledged.")])
        .refusals(&[409]);

pub(in crate::server) const SHOW_WEBHOOKS: Operation = Operation::new(
    Get,
    WEBHOOKS,
    "showWebhooks",
    "Shows where events are sent, and whether they arrive, as far as this node knows.",
)
.open_to(OpenTo::Operators)
.answers(&[Answer::json::<WebhookList>(200, "The webhook, if there is one.")]);

pub(in crate::server) const RESUME_WEBHOOK: Operation =
    Operation::new(Post, RESUME, "resumeWebhook", "Sends the events that wait now, on all nodes.")
        .open_to(OpenTo::Admins)
        .answers(&[Answer::json::<WebhookList>(200, "They are being sent.")])
        .refusals(&[409]);

pub(in crate::server) const CREATE_ASSET: Operation = Operation::new(
    Put,
    "/v1/rooms/{room}/assets/{asset}",
    "createAsset",
    "Creates an asset, unless it is there.",
)
.open_to(OpenTo::Admins)
.body::<Create>()
.answers(&[
    Answer::json::<AssetState>(200, "The asset was there, with these units and options."),
    Answer::json::<AssetState>(201, "The asset is created."),
])
.refusals(&[409]);

pub(in crate::server) const REMOVE_ASSET: Operation =
    Operation::new(Delete, "/v1/rooms/{room}/assets/{asset}", "removeAsset", "Removes an asset.")
        .open_to(OpenTo::Admins)
        .answers(&[Answer::json::<RemovedAsset>(200, "The asset is removed.")])
        .refusals(&[404]);

pub(in crate::server) const SELECT: Operation =
    Operation::new(Post, "/v1/rooms/{room}/assets/{asset}/select", "select", "Requests one unit for a player.")
        .open_to(OpenTo::Players)
        .body::<InTheNameOf>()
        .answers(&[
            Answer::json::<Selected>(200, "The player holds a unit."),
            Answer::json::<Denied>(409, "The player gets no unit: `code` says why."),
        ])
        .refusals(&[404]);

pub(in crate::server) const RELEASE: Operation =
    Operation::new(Post, "/v1/rooms/{room}/assets/{asset}/release", "release", "Returns the unit of a player.")
        .open_to(OpenTo::Players)
        .body::<InTheNameOf>()
        .answers(&[Answer::json::<Released>(200, "The unit is returned.")])
        .refusals(&[404, 409]);

pub(in crate::server) const CONFIRM: Operation = Operation::new(
    Post,
    "/v1/rooms/{room}/assets/{asset}/confirm",
    "confirm",
    "Confirms the hold of a player.",
)
.open_to(OpenTo::Players)
.body::<Confirm>()
.answers(&[
    Answer::json::<Confirmed>(200, "The grant is confirmed."),
    Answer::json::<NotConfirmed>(409, "The hold has expired, or the player holds no unit."),
])
.refusals(&[404]);

pub(in crate::server) const EXTEND: Operation = Operation::new(
    Post,
    "/v1/rooms/{room}/assets/{asset}/extend",
    "extend",
    "Lets the hold of a player begin anew, until `--max-hold` after the grant at the latest.",
)
.open_to(OpenTo::Players)
.body::<InTheNameOf>()
.answers(&[Answer::json::<Extended>(200, "The hold ends then.")])
.refusals(&[404, 409]);

pub(in crate::server) const RESTOCK: Operation =
    Operation::new(Post, "/v1/rooms/{room}/assets/{asset}/restock", "restock", "Adds units to an asset.")
        .open_to(OpenTo::Admins)
        .body::<Restock>()
        .answers(&[Answer::json::<AssetState>(200, "The units are added.")])
        .refusals(&[404, 409]);

pub(in crate::server) const SHOW_HOLDERS: Operation =
    Operation::new(Get, HOLDERS, "showHolders", "Shows who holds an asset, in pages.")
        .open_to(OpenTo::Readers)
        .query(&[
            Parameter::new::<WholeNumber>("after", "Only holders of grants after this revision."),
            Parameter::new::<PageSize>("limit", "The holders of a page; if absent, as many as there can be."),
        ])
        .answers(&[Answer::json::<Holders>(200, "A page of holders, by revision.")])
        .refusals(&[404]);

pub(in crate::server) const SHOW_HISTORY: Operation = Operation::new(
    Get,
    HISTORY,
    "showHistory",
    "Shows the last changes of an asset, also of one that was removed, in pages: those that were acknowledged within \
     `--history`, and those that wait.",
)
.open_to(OpenTo::Operators)
.query(&[
    Parameter::new::<Place>("after", "The `next` of the page before."),
    Parameter::new::<PageSize>("limit", "The events of a page; 100 if absent."),
])
.answers(&[Answer::json::<History>(200, "A page of changes, in their order; none if nothing is known.")])
.refusals(&[409]);

/// What monitoring asks for may have an address of its own.
const ELSEWHERE: Answer =
    Answer::json::<error::Body>(404, "It is served at the address of `--metrics-listen`.");

pub(in crate::server) const IS_ALIVE: Operation =
    Operation::new(Get, ALIVE, "isAlive", "Says whether the process is well.")
        .answers(&[Answer::json::<Health>(200, "It is."), ELSEWHERE]);

pub(in crate::server) const IS_READY: Operation =
    Operation::new(Get, READY, "isReady", "Says whether the node accepts players.")
        .answers(&[Answer::json::<Health>(200, "It does."), ELSEWHERE]);

pub(in crate::server) const SHOW_METRICS: Operation =
    Operation::new(Get, METRICS, "showMetrics", "Shows the metrics in Prometheus' text format.")
        .answers(&[Answer::text(200, "The metrics.", METRICS_TYPE), ELSEWHERE]);

pub(in crate::server) const OPENAPI: Operation =
    Operation::new(Get, "/openapi.json", "openapi", "Shows this document.")
        .answers(&[Answer::json::<Document>(200, "The document.")]);

pub(in crate::server) const ASYNCAPI: Operation =
    Operation::new(Get, "/asyncapi.json", "asyncapi", "Shows the AsyncAPI 3.0 document of the WebSocket.")
        .answers(&[Answer::json::<Document>(200, "The document.")]);

/// An OpenAPI or AsyncAPI document.
#[derive(JsonSchema)]
#[schemars(inline, with = "serde_json::Map<String, Value>")]
struct Document;

// Holders, rooms, players and searched rooms have the same maximum.
/// The size of a page.
#[derive(JsonSchema)]
#[schemars(inline, transform = page_size)]
struct PageSize(#[allow(dead_code, reason = "the schema is all there is")] WholeNumber);

fn page_size(schema: &mut Schema) {
    schema.insert("minimum".to_owned(), 1.into());
    schema.insert("maximum".to_owned(), limits::HOLDERS_PAGE.into());
}

/// Which rooms come first.
#[derive(JsonSchema)]
#[schemars(inline, rename_all = "snake_case")]
#[allow(dead_code, reason = "the schema is all there is")]
enum RoomOrder {
    Name,
    Players,
    Selects,
}

/// The id of an event: `EPOCH.OFFSET`, or a final close code.
struct EventId;

impl JsonSchema for EventId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EventId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "examples": ["h1dXVaHd44uNv3DW.3"]})
    }
}

/// A time up to a minute.
struct Wait;

impl JsonSchema for Wait {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Wait".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^(0|[0-9]{1,4}ms|[0-5]?[0-9]s|60s|[01]m)$", "examples": ["30s"]})
    }
}

/// An epoch as `welcome` tells it.
struct Epoch;

impl JsonSchema for Epoch {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Epoch".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> Schema {
        let pattern = "^[A-Za-z0-9]+$";
        json_schema!({"type": "string", "minLength": 1, "maxLength": limits::EPOCH_LEN, "pattern": pattern})
    }
}
