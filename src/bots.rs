//! Bots that race for assets and verify the promise. They depend on the protocol and the model, never on the server.
//!
//! The plan is made before the race. Each bot records its frames and replies. A pure function then judges these records
//! against the store. Report and output are separate.

mod config;
mod error;
mod limits;
mod node;
mod plan;

mod race;

mod bot;
mod cursor;
mod pending;
mod reconnect;
mod refresh;
mod session;
mod shared;
mod socket;
mod tls;

mod fact;
mod frame;
mod member;
mod observations;
mod recorder;
mod round;

mod api;
mod quiesce;

mod judgement;
mod violation;

mod output;
mod report;
mod score;
mod timings;

pub use config::{AdminKey, Config, Holds, Length, MintToken};
pub use error::BotsError;
pub use node::NodeUrl;
pub use output::{json, text};
pub use race::run;
pub use report::{
    Decisions, Delivery, Found, GaveUp, HoldCounts, Judgement, Quantiles, Reconnects, Report, Shown,
};
pub use violation::Violation;
