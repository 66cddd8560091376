use std::sync::LazyLock;

use redis::Cmd;

use crate::model::{
    Units,
    limits::{HOLDERS_SHOWN, REMEMBERED_NODES},
};

/// One of our scripts, with its hash.
pub(super) struct Script {
    source: String,
    hash: String,
}

/// Defines a static for the script of a call on a room, with the files it builds upon before it.
macro_rules! scripts {
    ($($name:ident = $($file:literal),+;)*) => {
        $(pub(super) static $name: LazyLock<Script> = LazyLock::new(|| {
            Script::new(&[include_str!("common.lua"), $(include_str!($file)),+])
        });)*
    };
}

scripts! {
    CREATE = "change.lua", "create.lua";
    SELECT = "change.lua", "select.lua";
    RELEASE = "change.lua", "release.lua";
    RESTOCK = "change.lua", "restock.lua";
    RESET = "change.lua", "reset.lua";
    REMOVE = "change.lua", "remove.lua";
    ASSET = "asset.lua";
    SNAPSHOT = "snapshot.lua";
    HOLDERS = "holders.lua";
    HELD_BY = "held_by.lua";
    REVISIONS = "revisions.lua";
    REMOVE_ROOM = "remove_room.lua";
    TOUCH = "touch.lua";
    PROBE = "change.lua", "probe.lua";
}

pub(super) static REVOKE: LazyLock<Script> = LazyLock::new(|| Script::new(&[include_str!("revoke.lua")]));
pub(super) static REVOCATIONS: LazyLock<Script> =
    LazyLock::new(|| Script::new(&[include_str!("revocations.lua")]));

impl Script {
    fn new(files: &[&str]) -> Self {
        let limits = format!(
            "local HOLDERS_SHOWN, REMEMBERED_NODES, MAX_UNITS = {HOLDERS_SHOWN}, {REMEMBERED_NODES}, {}\n",
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
