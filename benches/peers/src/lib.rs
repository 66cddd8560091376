//! Measures asset-arbiter beside other servers, and checks every answer; see README.md.

pub mod args;
pub mod book;
pub mod dialect;
pub mod floor;
pub mod game;
pub mod matchmaker;
pub mod net;
pub mod report;
pub mod servers;
pub mod svg;
pub mod usage;
pub mod versions;
pub mod workload;
pub mod ws;
