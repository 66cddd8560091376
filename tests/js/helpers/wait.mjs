// Waiting for something that must happen, with an end and a name for what did not.

import { setTimeout as pause } from 'node:timers/promises';

const PATIENCE_MS = 8_000;

/** Rejects with `what` when the promise takes too long; the event itself decides otherwise, never a pause. */
export function within(promise, what, ms = PATIENCE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The next event of a room whose detail passes `test`. */
export function next(room, event, test = () => true, ms = PATIENCE_MS) {
  let off;
  const seen = new Promise((resolve) => {
    off = room.on(event, (detail) => test(detail) && resolve(detail));
  });
  return within(seen, `"${event}" of ${room.name}/${room.player}`, ms).finally(off);
}

/** Resolves when the room is, or becomes, connected (or another state). */
export async function reaches(room, state, ms = PATIENCE_MS) {
  if (room.state !== state) await next(room, 'state', (now) => now.state === state, ms);
}

/** Resolves once `test()` holds, looked at whenever the room says something. */
export async function settles(room, test, what, ms = PATIENCE_MS) {
  if (test()) return;
  const events = ['granted', 'confirmed', 'extended', 'released', 'changed', 'players', 'snapshot', 'state'];
  const offs = [];
  const held = new Promise((resolve) => {
    for (const event of events) offs.push(room.on(event, () => test() && resolve()));
  });
  await within(held, what, ms).finally(() => offs.forEach((off) => off()));
}

/** Resolves once `test()` resolves to something true, asked again and again. */
export async function eventually(test, what, ms = PATIENCE_MS) {
  const until = performance.now() + ms;
  while (!(await within(test(), what, ms))) {
    if (performance.now() > until) throw new Error(`waited ${ms} ms for ${what}`);
    await pause(5);
  }
}

/** Everything a room says from now on, in order, as [event, detail]. */
export function record(room, ...events) {
  const log = [];
  for (const event of events) room.on(event, (detail) => log.push([event, detail]));
  return log;
}

/** Values in order: `push` on one side, an awaited and bounded `next` on the other. */
export class Inbox {
  #values = [];
  #takers = [];

  push(value) {
    const taker = this.#takers.shift();
    if (taker) taker(value);
    else this.#values.push(value);
  }

  next(what, ms) {
    if (this.#values.length > 0) return Promise.resolve(this.#values.shift());
    return within(new Promise((resolve) => this.#takers.push(resolve)), what, ms);
  }

  get size() { return this.#values.length; }
}
