//! Keeps a player to one connection in a room, over all nodes (`--same-player`).
//!
//! A node that has a new connection tells the others. One that has an older connection of that player decides which of the
//! two ends, and ends it or tells its node to. Two that joined at the same time on different nodes hear of each other;
//! then both nodes decide, by the same rule. Nodes that lost touch with each other find out by their next heartbeats.

use std::{sync::Arc, time::Duration};

use super::{
    config::SamePlayer,
    node::Node,
    refusal::JoinError,
    registry::Registry,
    room::{Connection, Room},
};
use crate::{
    bus::{BusMessage, ConnectionId, Heartbeat, Players},
    model::{CloseCode, PlayerName, RoomName},
};

/// Two connections whose ages differ by less joined at the same time, as far as nodes can tell: a message may take that
/// long.
const SAME_TIME: Duration = Duration::from_secs(5);

pub(super) struct SamePlayers {
    node: Arc<Node>,
    rooms: Arc<Registry>,
    rule: Option<Rule>,
}

/// Which of two connections ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Older,
    Newer,
}

impl Rule {
    fn code(self) -> CloseCode {
        match self {
            Self::Older => CloseCode::Replaced,
            Self::Newer => CloseCode::Duplicate,
        }
    }
}

impl SamePlayers {
    pub(super) fn new(node: Arc<Node>, rooms: Arc<Registry>) -> Self {
        let rule = match node.config.same_player {
            SamePlayer::Allow => None,
            SamePlayer::Replace => Some(Rule::Older),
            SamePlayer::Refuse => Some(Rule::Newer),
        };
        Self { node, rooms, rule }
    }

    /// Whether a player that has a connection to the room on this node may have no other.
    pub(super) fn refuses(&self, room: &Room, player: &PlayerName) -> bool {
        self.rule == Some(Rule::Newer)
            && room.read(|state| state.presence.is_here(player))
            && !room.members().of(player).is_empty()
    }

    /// A player joined as the member `id`. Looks through the members only if the player has other connections to this node.
    /// Of two that join at the same time, one at least sees the other, and ends itself or the other.
    ///
    /// # Errors
    /// The player has an older connection on this node, and the newer one ends.
    pub(super) fn joined(&self, room: &Room, id: usize, player: &PlayerName) -> Result<(), JoinError> {
        let Some(rule) = self.rule else { return Ok(()) };
        let Some(joined) = room.members().connection(id) else { return Ok(()) };
        if room.read(|state| state.presence.connections(player)) > 1 {
            let mut others = room.members().of(player);
            others.retain(|other| other.number != joined.number);
            for other in &others {
                let other_ends = (other.number < joined.number) == (rule == Rule::Older);
                let ends = if other_ends { other } else { &joined };
                ends.mailbox.end(rule.code());
            }
        }
        if rule == Rule::Newer && joined.mailbox.ended() == Some(rule.code()) {
            return Err(duplicate());
        }
        self.tell(room, player, &joined);
        Ok(())
    }

    /// Another node has this connection.
    pub(super) fn receive(&self, name: &RoomName, player: &PlayerName, theirs: ConnectionId, age: Duration) {
        let (Some(rule), Some(room)) = (self.rule, self.rooms.peek(name)) else { return };
        for ours in room.members().of(player) {
            let ours_is_older = is_older((ours.since.elapsed(), self.node.id.0), (age, theirs.node));
            if ours_is_older == (rule == Rule::Older) {
                ours.mailbox.end(rule.code());
            } else {
                self.node.bus.publish(name, &BusMessage::Disconnect(theirs));
            }
        }
    }

    /// Another node decided that this connection ends.
    pub(super) fn disconnect(&self, name: &RoomName, connection: ConnectionId) {
        let (Some(rule), Some(room)) = (self.rule, self.rooms.peek(name)) else { return };
        if connection.node == self.node.id.0 {
            room.members().end(connection.number, rule.code());
        }
    }

    /// Another node has these players. Tells it of those that are here, too.
    pub(super) fn compare(&self, name: &RoomName, heartbeat: &Heartbeat) {
        let Players::Names(players) = &heartbeat.players else { return };
        let Some(room) = self.rule.and_then(|_| self.rooms.peek(name)) else { return };
        for player in players.iter().filter(|player| room.read(|state| state.presence.is_here(player))) {
            room.members().of(player).iter().for_each(|ours| self.tell(&room, player, ours));
        }
    }

    fn tell(&self, room: &Room, player: &PlayerName, ours: &Connection) {
        if self.node.bus.reaches_other_nodes() {
            let connection = ConnectionId { node: self.node.id.0, number: ours.number };
            let age_ms = ours.since.elapsed().as_millis() as u64;
            self.node
                .bus
                .publish(&room.name, &BusMessage::Connected { player: player.clone(), connection, age_ms });
        }
    }
}

/// Whether the first of two connections on different nodes is the older one. Each is given by its age and its node. If they
/// joined at the same time, every node names the same one.
fn is_older((age, node): (Duration, u64), (other_age, other_node): (Duration, u64)) -> bool {
    if age.abs_diff(other_age) < SAME_TIME { node < other_node } else { age > other_age }
}

/// Why a player cannot join twice.
pub(super) fn duplicate() -> JoinError {
    let message = "this player is connected already (--same-player refuse)".to_owned();
    JoinError { close: CloseCode::Duplicate, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_nodes_agree_which_connection_is_older() {
        let seconds = Duration::from_secs;
        for (age, other_age) in [(9, 0), (0, 9), (3, 0), (0, 3), (0, 0), (60, 61)] {
            let (ours, theirs) = ((seconds(age), 1), (seconds(other_age), 2));
            assert_ne!(is_older(ours, theirs), is_older(theirs, ours), "{age} {other_age}");
        }
        assert!(is_older((seconds(9), 2), (seconds(0), 1)), "by age");
        assert!(is_older((seconds(0), 1), (seconds(3), 2)), "by node");
    }
}
