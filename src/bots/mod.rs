//! Bots that race for assets and verify the promise. They know the wire and the model, never the server.
//!
//! The plan is made before the race; each bot notes what it is told and answered in its own seat; a pure
//! verdict holds that against the store; report and presentation are apart.

mod config;
mod error;
mod limits;
mod node;
mod plan;

mod race;

mod bot;
mod comeback;
mod hub;
mod place;
mod session;
mod socket;
mod wants;

mod book;
mod fact;
mod frame;
mod member;
mod round;
mod seat;
mod spread;

mod api;
mod http;
mod settle;
mod stored;

mod verdict;
mod violation;

mod present;
mod progress;
mod report;
mod score;
mod timings;

pub use config::{AdminKey, Config, Length};
pub use error::BotsError;
pub use node::NodeUrl;
pub use present::{json, text};
pub use race::run;
pub use report::{Decisions, Delivery, Found, GaveUp, Quantiles, Reconnects, Report, Shown, Verdict};
pub use violation::Violation;
