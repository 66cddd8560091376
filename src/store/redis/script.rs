use redis::Cmd;

use crate::model::{
    Units,
    limits::{ENDS_KEPT, ENDS_KEPT_IN_COOLDOWN, HOLDERS_SHOWN, REMEMBERED_NODES},
};

/// One of our scripts, with its hash.
pub(super) struct Script {
    source: String,
    hash: String,
}

/// Begins every script on a room.
const COMMON: &[&str] = &[include_str!("common.lua")];
/// Begins every script that changes an asset.
const CHANGE: &[&str] = &[
    include_str!("common.lua"),
    include_str!("change.lua"),
    include_str!("terms.lua"),
    include_str!("events.lua"),
];
/// Begins a script that is on no room.
const ALONE: &[&str] = &[];

/// Defines all scripts, each with the files it builds upon before it.
macro_rules! scripts {
    ($($name:ident = $base:ident, $($file:literal),+;)*) => {
        /// The scripts of a store.
        pub(super) struct Scripts {
            $(pub(super) $name: Script),*
        }

        impl Scripts {
            /// Scripts that keep at most `events_backlog` events of an asset; 0: changes are not kept as events.
            pub(super) fn new(events_backlog: usize) -> Self {
                Self { $($name: Script::new(events_backlog, &[$base, &[$(include_str!($file)),+]].concat())),* }
            }
        }
    };
}

scripts! {
    create = CHANGE, "create.lua";
    select = CHANGE, "select.lua";
    release = CHANGE, "release.lua";
    confirm = CHANGE, "lease.lua", "confirm.lua";
    extend = CHANGE, "lease.lua", "extend.lua";
    prolong = CHANGE, "prolong.lua";
    expire = CHANGE, "expire.lua";
    restock = CHANGE, "restock.lua";
    reset = CHANGE, "reset.lua";
    remove = CHANGE, "remove.lua";
    asset = COMMON, "asset.lua";
    snapshot = COMMON, "snapshot.lua";
    holders = COMMON, "holders.lua";
    held_by = COMMON, "held_by.lua";
    revisions = COMMON, "revisions.lua";
    remove_room = COMMON, "remove_room.lua";
    touch = COMMON, "touch.lua";
    take = COMMON, "take.lua";
    acknowledge = COMMON, "acknowledge.lua";
    history = COMMON, "history.lua";
    probe = CHANGE, "probe.lua";
    revoke = ALONE, "revoke.lua";
    revocations = ALONE, "revocations.lua";
    mark = ALONE, "mark.lua";
    forget = ALONE, "forget.lua";
}

impl Script {
    fn new(events_backlog: usize, files: &[&str]) -> Self {
        let limits = format!(
            "local HOLDERS_SHOWN, REMEMBERED_NODES, MAX_UNITS = {HOLDERS_SHOWN}, {REMEMBERED_NODES}, {}\n\
             local ENDS_KEPT, ENDS_KEPT_IN_COOLDOWN = {ENDS_KEPT}, {ENDS_KEPT_IN_COOLDOWN}\n\
             local EVENTS_BACKLOG = {events_backlog}\n",
            Units::MAX
        );
        let source = limits + &files.concat();
        let hash = redis::Script::new(&source).get_hash().to_owned();
        Self { source, hash }
    }

    /// Runs the script that the server has cached.
    pub(super) fn by_hash(&self, keys: &[String], args: &[String]) -> Cmd {
        invocation("EVALSHA", &self.hash, keys, args)
    }

    /// Loads and runs the script in one step.
    pub(super) fn by_source(&self, keys: &[String], args: &[String]) -> Cmd {
        invocation("EVAL", &self.source, keys, args)
    }
}

fn invocation(command: &str, script: &str, keys: &[String], args: &[String]) -> Cmd {
    let mut cmd = redis::cmd(command);
    cmd.arg(script).arg(keys.len()).arg(keys).arg(args);
    cmd
}
