use std::sync::LazyLock;

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
const CHANGE: &[&str] = &[include_str!("common.lua"), include_str!("change.lua"), include_str!("terms.lua")];
/// Begins a script that is on no room.
const ALONE: &[&str] = &[];

/// Defines a static for each script, with the files it builds upon before it.
macro_rules! scripts {
    ($($name:ident = $base:ident, $($file:literal),+;)*) => {
        $(pub(super) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(&[$base, &[$(include_str!($file)),+]].concat()));)*
    };
}

scripts! {
    CREATE = CHANGE, "create.lua";
    SELECT = CHANGE, "select.lua";
    RELEASE = CHANGE, "release.lua";
    CONFIRM = CHANGE, "lease.lua", "confirm.lua";
    EXTEND = CHANGE, "lease.lua", "extend.lua";
    PROLONG = CHANGE, "prolong.lua";
    EXPIRE = CHANGE, "expire.lua";
    RESTOCK = CHANGE, "restock.lua";
    RESET = CHANGE, "reset.lua";
    REMOVE = CHANGE, "remove.lua";
    ASSET = COMMON, "asset.lua";
    SNAPSHOT = COMMON, "snapshot.lua";
    HOLDERS = COMMON, "holders.lua";
    HELD_BY = COMMON, "held_by.lua";
    REVISIONS = COMMON, "revisions.lua";
    REMOVE_ROOM = COMMON, "remove_room.lua";
    TOUCH = COMMON, "touch.lua";
    PROBE = CHANGE, "probe.lua";
    REVOKE = ALONE, "revoke.lua";
    REVOCATIONS = ALONE, "revocations.lua";
}

impl Script {
    fn new(files: &[&str]) -> Self {
        let limits = format!(
            "local HOLDERS_SHOWN, REMEMBERED_NODES, MAX_UNITS = {HOLDERS_SHOWN}, {REMEMBERED_NODES}, {}\n\
             local ENDS_KEPT, ENDS_KEPT_IN_COOLDOWN = {ENDS_KEPT}, {ENDS_KEPT_IN_COOLDOWN}\n",
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
