//! Redis servers: what a URL asks for, one connection per server that is made anew whenever it breaks, and who has
//! which slot.

mod entry;
mod lane;
mod learn;
mod link;
mod links;
mod map;
mod policy;
mod slot;
mod target;
mod trouble;

pub(crate) use self::{
    entry::Listener,
    link::{Line, Link},
    map::Map,
    slot::{slot, slot_of},
    target::{SCHEMES, Servers, Target},
    trouble::{Trouble, advice, with_advice},
};
pub(crate) use super::url::Address;

#[cfg(test)]
mod tests;
