// A game on a real server that keeps its changes as events.

/** Numbers below `n` that are the same for the same seed (xorshift). */
export function random(seed) {
  let state = seed * 2654435761 % 4294967296 || 1;
  return (n) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % n;
  };
}

const PLAYERS = ['ann', 'bob', 'cleo', 'dan'];
const ASSETS = ['axe', 'sword'];

/** Plays so many moves over the rooms, of every kind that makes an event. */
export async function play(server, rooms, moves, draw) {
  const create = (room, asset) => server.create(room, asset, 2, asset === 'axe' ? { hold_ms: 60_000 } : {});
  for (const room of rooms) for (const asset of ASSETS) await create(room, asset);
  for (let move = 0; move < moves; move += 1) {
    const [room, asset, player] = [rooms, ASSETS, PLAYERS].map((list) => list[draw(list.length)]);
    const path = `/v1/rooms/${room}/assets/${asset}`;
    const act = (verb) => server.http('POST', `${path}/${verb}`, { player });
    const moves = [
      [6, () => act('select')], [3, () => act('confirm')], [4, () => act('release')],
      [1, () => server.http('POST', `${path}/restock`, { units: 1 })], [1, () => server.http('POST', `/v1/rooms/${room}/reset`)],
      [1, async () => { await server.http('DELETE', path); await create(room, asset); }],
      [0.5, async () => { await server.http('DELETE', `/v1/rooms/${room}`); for (const name of ASSETS) await create(room, name); }],
    ];
    const weights = moves.flatMap(([weight, run]) => Array(weight * 2).fill(run));
    // What is refused changes nothing: a unit that is not held, or is held already.
    await weights[draw(weights.length)]().catch((error) => { if (!/: 4\d\d /.test(error.message)) throw error; });
  }
}

/** Every event that waits, in batches of at most `size` of one room, in the order in which they come. */
export async function batches(server, size) {
  const found = [];
  for (;;) {
    const { events } = await server.http('GET', '/v1/events?limit=1000');
    if (events.length === 0) return found;
    for (const room of new Set(events.map((event) => event.room))) {
      const ofRoom = events.filter((event) => event.room === room);
      while (ofRoom.length > 0) found.push(ofRoom.splice(0, size));
    }
    await server.http('POST', '/v1/events/ack', { ids: events.map(({ id }) => id) });
  }
}

/** Who holds what for good on the server, as the receivers show it. */
export async function held(server, rooms) {
  const found = [];
  for (const room of rooms) {
    for (const asset of ASSETS) {
      const { holders } = await server.http('GET', `/v1/rooms/${room}/assets/${asset}/holders`);
      found.push(...holders.filter(({ hold }) => !hold).map(({ player }) => `${room}/${asset}/${player}`));
    }
  }
  return found.sort();
}
