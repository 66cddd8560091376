use ::redis::{Value, parse_redis_value};

use super::reply::{ScriptReply, odd};
use crate::{model::AssetName, store::Result};

/// Parses the answer of a script in Redis, as the server sends it.
pub fn redis_reply(bytes: &[u8]) -> bool {
    let Ok(answer) = parse_redis_value(bytes) else { return false };
    let readings: [fn(&mut ScriptReply) -> Result<()>; 8] = [
        |reply| {
            reply.state("sword".parse().expect("a name"))?;
            reply.verdicts().map(drop)
        },
        |reply| reply.row("sword".parse().expect("a name")).map(drop),
        |reply| reply.grants().map(drop),
        |reply| reply.events().map(drop),
        |reply| reply.grant_of(&"ann".parse().expect("a name")).map(drop),
        |reply| reply.grant_revision().map(drop),
        |reply| reply.parsed::<AssetName>().map(drop),
        |reply| reply.flag().map(drop),
    ];
    let is_read = |reading: &fn(&mut ScriptReply) -> Result<()>| read(answer.clone(), *reading).is_ok();
    // Every reading is tried, because each may panic.
    readings.iter().filter(|reading| is_read(reading)).count() > 0
}

fn read(answer: Value, reading: fn(&mut ScriptReply) -> Result<()>) -> Result<()> {
    reading(&mut ScriptReply::open(answer, |_| odd())?)
}
