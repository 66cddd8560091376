use std::{fmt, num::ParseIntError, str::FromStr};

use crate::{
    model::limits::REMEMBERED_NODES,
    store::{Call, NodeId},
};

/// The last call on an asset of each of the most recent nodes, the newest last, each with a note. Drivers store those
/// without notes as text: `NODE:SEQ` in hexadecimal digits, separated by spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LastCalls<T = ()>(Vec<(NodeId, u64, T)>);

impl<T> Default for LastCalls<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy> LastCalls<T> {
    /// The last call of a node.
    pub(super) fn last(&self, node: NodeId) -> Option<(u64, T)> {
        self.0.iter().find(|(known, ..)| *known == node).map(|(_, seq, note)| (*seq, *note))
    }

    pub(super) fn record(&mut self, call: Call, note: T) {
        self.0.retain(|(node, ..)| *node != call.node);
        self.0.push((call.node, call.seq, note));
        if self.0.len() > REMEMBERED_NODES {
            self.0.remove(0);
        }
    }
}

impl LastCalls {
    /// The call that made the last change.
    #[cfg(any(feature = "dynamodb", feature = "mongodb", feature = "mysql", feature = "momento"))]
    pub(super) fn newest(&self) -> Option<(NodeId, u64)> {
        self.0.last().map(|(node, seq, ())| (*node, *seq))
    }
}

impl fmt::Display for LastCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (node, seq, ())) in self.0.iter().enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(f, "{space}{:x}:{seq:x}", node.0)?;
        }
        Ok(())
    }
}

impl FromStr for LastCalls {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_ascii_whitespace().map(read).collect::<Result<_, _>>().map(Self)
    }
}

fn read(pair: &str) -> Result<(NodeId, u64, ()), ParseIntError> {
    let (node, seq) = pair.split_once(':').unwrap_or((pair, ""));
    Ok((NodeId(u64::from_str_radix(node, 16)?), u64::from_str_radix(seq, 16)?, ()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(node: u64, seq: u64) -> Call {
        Call { node: NodeId(node), seq, at: 0, by: None }
    }

    #[test]
    fn as_text_they_are_what_they_were() {
        let mut changes = LastCalls::<()>::default();
        assert_eq!("".parse(), Ok(changes.clone()));
        for (node, seq) in [(0, 0), (u64::MAX, 7), (3, u64::MAX)] {
            changes.record(call(node, seq), ());
        }
        assert_eq!(changes.to_string(), "0:0 ffffffffffffffff:7 3:ffffffffffffffff");
        assert_eq!(changes.to_string().parse(), Ok(changes));
        assert!("7".parse::<LastCalls>().is_err() && "x:1".parse::<LastCalls>().is_err());
    }

    #[test]
    fn the_newest_nodes_are_remembered() {
        let mut changes = LastCalls::default();
        for node in 0..REMEMBERED_NODES as u64 {
            changes.record(call(node, 1), ());
        }
        changes.record(call(0, 2), ());
        changes.record(call(99, 1), ());
        let last = |node| changes.last(NodeId(node)).map(|(seq, ())| seq);
        assert_eq!((last(0), last(1), last(2), last(99)), (Some(2), None, Some(1), Some(1)));
    }
}
