//! Redis servers: parsing URLs, one reconnecting connection per server, and the cluster's slot topology.

mod client;
mod connector;
mod discovery;
mod error;
mod policy;
mod slot;
mod topology;
mod url;
mod wait_batch;

pub(crate) use self::{
    client::{Client, Connection},
    connector::Listener,
    error::{Away, Reason, RedisError, meaning},
    slot::{slot, slot_of},
    topology::Topology,
    url::{RedisUrl, SCHEMES, Servers},
};
pub(crate) use super::url::Address;

#[cfg(test)]
mod tests;
