use redis::{Cmd, PushKind, Value, cmd};

use crate::{
    link::redis::{RedisUrl, Servers},
    model::RoomName,
};

/// The channels of one installation: `PREFIX{ROOM}:bus:DATABASE`. All databases of a server share its channels,
/// so the name contains the database. The braces give a room's channel the slot of its keys.
pub(super) struct Names {
    prefix: String,
    ending: String,
    /// Whether channels are sharded, as on a cluster, where each channel has one server.
    sharded: bool,
}

impl Names {
    pub(super) fn new(url: &RedisUrl) -> Self {
        Self {
            prefix: format!("{}{{", url.options.prefix),
            ending: format!("}}:bus:{}", url.access.database),
            sharded: matches!(url.servers, Servers::Cluster(_)),
        }
    }

    /// The room of a channel, if the channel is ours.
    pub(super) fn room(&self, channel: &[u8]) -> Option<RoomName> {
        let channel = str::from_utf8(channel).ok()?;
        let room = channel.strip_prefix(&self.prefix)?.strip_suffix(&self.ending)?;
        let all = RoomName::all_rooms();
        if room == all.as_str() { Some(all) } else { RoomName::parse(room).ok() }
    }

    pub(super) fn publish(&self, room: &RoomName, envelope: &[u8]) -> Cmd {
        let mut publish = cmd(if self.sharded { "SPUBLISH" } else { "PUBLISH" });
        publish.arg(self.channel(room)).arg(envelope);
        publish
    }

    /// The command that subscribes or unsubscribes a room. Each room has its own command, because on a cluster
    /// its slot may differ and because each is confirmed separately.
    pub(super) fn settle(&self, room: &RoomName, wanted: bool) -> Cmd {
        let mut settle = cmd(match (self.sharded, wanted) {
            (false, true) => "SUBSCRIBE",
            (false, false) => "UNSUBSCRIBE",
            (true, true) => "SSUBSCRIBE",
            (true, false) => "SUNSUBSCRIBE",
        });
        settle.arg(self.channel(room));
        settle
    }

    /// Whether the answer confirms [`settle`](Self::settle) of that room.
    pub(super) fn confirms(&self, room: &RoomName, wanted: bool, answer: &Value) -> bool {
        let kinds = if wanted {
            [PushKind::Subscribe, PushKind::SSubscribe]
        } else {
            [PushKind::Unsubscribe, PushKind::SUnsubscribe]
        };
        let Value::Push { kind, data } = answer else { return false };
        let Some(Value::BulkString(channel)) = data.first() else { return false };
        kinds.contains(kind) && *channel == self.channel(room).as_bytes()
    }

    fn channel(&self, room: &RoomName) -> String {
        format!("{}{room}{}", self.prefix, self.ending)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::model::{Room, alike};

    fn names(url: &str) -> Names {
        Names::new(&RedisUrl::parse(url).unwrap())
    }

    #[test]
    fn no_two_rooms_share_a_channel() {
        let (names, mut rooms) = (names("redis://x/3"), alike::<Room>(4));
        rooms.push(RoomName::all_rooms());
        let channels: HashSet<_> = rooms.iter().map(|room| names.channel(room)).collect();
        assert_eq!(channels.len(), rooms.len());
        assert!(rooms.iter().all(|room| names.room(names.channel(room).as_bytes()).as_ref() == Some(room)));
    }

    #[test]
    fn installations_and_databases_do_not_hear_each_other() {
        let room = RoomName::parse("a:b").unwrap();
        let channel = names("redis://x/3?prefix=game:").channel(&room);
        assert_eq!(channel, "game:{a:b}:bus:3");
        for other in
            ["redis://x/3", "redis://x/4?prefix=game:", "redis://x/3?prefix=game", "redis://x/3?prefix=a"]
        {
            assert_eq!(names(other).room(channel.as_bytes()), None, "{other}");
        }
        assert_eq!(names("rediss://y/3?prefix=game:").room(channel.as_bytes()), Some(room));
    }
}
