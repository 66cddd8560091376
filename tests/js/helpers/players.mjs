// Players of one room, and what they do.
import { join } from './library.mjs';
import { within } from './wait.mjs';

/** Players who have joined a room; `url` may be several. */
export async function players(t, url, room, names) {
  const rooms = names.map((player) => join(t, url, { room, player }));
  await Promise.all(rooms.map(({ ready }) => within(ready, 'a welcome')));
  return rooms;
}

export const numbered = (count) => Array.from({ length: count }, (_, n) => `p${n}`);

/** Selects asset after asset until told to stop; every select must be answered. Whether each was granted, in order. */
export async function race(room, go) {
  const answers = [];
  while (go()) {
    const asset = prize(answers.length);
    const { granted } = await within(room.select(asset), `${asset} for ${room.player}`, 30_000);
    answers.push(granted);
  }
  return answers;
}

export const prize = (n) => `prize-${n}`;
