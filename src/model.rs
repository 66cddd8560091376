//! The types every layer uses: names, assets, messages, errors, limits. Depends on no other layer.

pub mod build;
pub mod limits;

mod asset;
mod asset_event;
mod backoff;
mod by;
mod client_message;
mod close;
mod display_name;
mod duration;
mod error;
mod event;
mod frame;
mod hand_encoded;
mod lease;
mod log_throttle;
mod name;
mod name_map;
mod one_line;
mod redact;
mod request_id;
mod revocation;
mod server_message;
mod slots;
mod terms;
mod token;
mod trace_parent;
mod webhook_news;

pub use asset::{AssetState, Grant, Millis, RevisionRow, Units};
pub use asset_event::{AssetEvent, EventId, EventKind, NoEvent, ShownEvent};
pub use backoff::{Backoff, jittered};
pub use by::By;
pub use client_message::{ClientMessage, Rejected};
pub use close::{CloseCode, CloseReason};
pub use display_name::{DisplayName, DisplayNames, InvalidDisplayName};
pub use duration::{duration, room_ttl};
pub use error::ErrorCode;
pub use event::{Change, Event};
pub use frame::{Frame, FrameDraft, Opcode, append_frame, append_json, payloads};
pub use hand_encoded::{Selection, event_frame};
pub use lease::{AssetOptions, EndReason, Lease, NewAsset, NoLease};
pub use log_throttle::LogThrottle;
pub use name::{Asset, AssetName, InvalidName, Name, PlayerName, RoomName};
#[cfg(test)]
pub(crate) use name::{Player, Room, alike};
pub use name_map::NameMap;
pub use one_line::one_line;
pub use redact::{line_without_secrets, no_driver, option_name, scheme, without_secrets};
pub use request_id::RequestId;
pub use revocation::{Revocation, Revoked, SignedToken};
pub use server_message::{Denial, HoldExpired, Present, ServerMessage, Welcome};
pub use slots::Slots;
pub use terms::{Barred, Ended, NoTerms, Terms};
pub use token::Token;
pub use trace_parent::TraceParent;
pub use webhook_news::{PauseReason, WebhookNews};

/// The protocol's name and version, sent in every `welcome`.
pub const PROTOCOL: &str = "asset-arbiter.v1";
