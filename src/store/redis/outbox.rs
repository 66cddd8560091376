use super::{
    RedisStore, keys,
    reply::{self, ScriptReply},
};
use crate::{
    link::redis::slot_of,
    model::{AssetEvent, AssetName, EventId, Millis, RoomName},
    store::{AssetKey, HistoryLimits, HistoryPage, MARK_MS, Result, Taker},
};

/// How old a mark is at least when it is forgotten.
const OLD_MARK_MS: Millis = 3 * MARK_MS;

pub(super) async fn mark(store: &RedisStore, room: &RoomName, now: Millis) -> Result<()> {
    let args = [room.to_string(), now.to_string()];
    store.run_on(keys::marks(&store.prefix), &store.scripts.mark, &args).await.map(drop)
}

/// At most `limit` marked rooms after `after`, ordered by name.
pub(super) async fn waiting_rooms(
    store: &RedisStore,
    after: Option<&RoomName>,
    limit: usize,
) -> Result<Vec<RoomName>> {
    let mut read = redis::cmd("ZRANGEBYLEX");
    read.arg(keys::marks(&store.prefix)).arg(keys::marks_after(after)).arg("+").arg("LIMIT").arg(0).arg(limit);
    let marks = ScriptReply::list(store.call(slot_of(keys::NO_ROOM), read).await?)?;
    marks.all(|marks| {
        let mark = marks.text()?;
        let (room, _) = mark.split_once(' ').ok_or_else(reply::odd)?;
        room.parse().map_err(|_| reply::odd())
    })
}

/// Hands out at most `limit` events of a room, and forgets an old mark of a room in which none waits.
pub(super) async fn take(
    store: &RedisStore,
    room: &RoomName,
    taker: Taker,
    limit: usize,
) -> Result<Vec<(AssetName, AssetEvent)>> {
    let Taker { id, now, until } = taker;
    let args = vec![format!("{id:016x}"), now.to_string(), until.to_string(), limit.to_string()];
    let mut answer = ScriptReply::open(store.run(room, &store.scripts.take, args).await?, |_| reply::odd())?;
    let (none_waits, events) = (answer.flag()?, answer.events()?);
    if none_waits {
        // Changes of a younger mark may be on their way.
        let args = [room.to_string(), now.saturating_sub(OLD_MARK_MS).to_string()];
        store.run_on(keys::marks(&store.prefix), &store.scripts.forget, &args).await?;
    }
    Ok(events)
}

/// Moves events to the histories of their assets, or deletes them if none is kept.
pub(super) async fn acknowledge(
    store: &RedisStore,
    room: &RoomName,
    events: &[EventId],
    now: Millis,
) -> Result<()> {
    let kept = store.history.map(|limits| (limits.age.as_millis(), limits.events, limits.too_old(now)));
    let (age, most, too_old) = kept.unwrap_or_default();
    let mut args = vec![age.to_string(), most.to_string(), too_old.to_string()];
    let mut assets: Vec<_> = events.iter().map(|id| &id.asset).collect();
    assets.sort_unstable();
    assets.dedup();
    args.extend(events.iter().map(|id| {
        let place = assets.binary_search(&&id.asset).unwrap_or_default();
        format!("{} {}/{}", place + 1, id.asset, id.prefix())
    }));
    let key = |asset: &&AssetName| keys::history(&store.prefix, room, asset);
    let histories = assets.iter().filter(|_| kept.is_some()).map(key).collect();
    let answer = store.run_with(room, histories, &store.scripts.acknowledge, args).await?;
    ScriptReply::open(answer, |_| reply::odd()).map(drop)
}

/// A page of the history of an asset.
pub(super) async fn history(
    store: &RedisStore,
    key: &AssetKey,
    page: HistoryPage,
    limits: HistoryLimits,
) -> Result<Vec<AssetEvent>> {
    let histories = vec![keys::history(&store.prefix, &key.room, &key.asset)];
    let numbers = [limits.too_old(page.now).to_string(), page.limit.to_string()];
    let args = [key.asset.to_string(), page.bound()].into_iter().chain(numbers).collect();
    let answer = store.run_with(&key.room, histories, &store.scripts.history, args).await?;
    let mut reply = ScriptReply::open(answer, |_| reply::odd())?;
    let [acknowledged, waiting] =
        [reply.events()?, reply.events()?].map(|events| events.into_iter().map(|(_, event)| event));
    Ok(page.of(acknowledged, waiting, limits))
}
