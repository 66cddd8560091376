// A machine that sleeps, against the real server: how long the first select takes after the wake-up.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { join } from './helpers/library.mjs';
import { startProxy } from './helpers/proxy.mjs';
import { startServer } from './helpers/server.mjs';
import { record, within } from './helpers/wait.mjs';

const HOUR = 3_600_000;
/** A second until the dead connection is given up, the new handshake, and some for a busy machine. */
const SOON_MS = 2_500;

/** A player behind a proxy, and clocks that can jump. Timers do not, as on platforms that stop them during sleep. */
async function scene(t) {
  const server = await startServer(t, ['--asset', 'sword=1']);
  const proxy = await startProxy(t, server.port);
  const [now, date] = [performance.now.bind(performance), Date.now];
  const jumps = { steady: 0, wall: 0 };
  const clocks = [
    mock.method(performance, 'now', () => now() + jumps.steady), mock.method(Date, 'now', () => date() + jumps.wall),
  ];
  t.after(() => clocks.forEach((clock) => clock.mock.restore()));
  const ada = join(t, proxy.url, { room: 'r', player: 'ada' });
  await within(ada.ready, 'a welcome');
  const select = async () => {
    const since = now();
    const { granted } = await within(ada.select('sword'), 'the select');
    assert.equal(granted, true);
    return now() - since;
  };
  return { proxy, ada, jumps, select };
}

for (const [which, clocks] of [['both clocks', ['steady', 'wall']], ['the wall clock alone', ['wall']]]) {
  test(`the first select after a sleep on a dead connection, seen by ${which}`, async (t) => {
    const { proxy, ada, jumps, select } = await scene(t);
    const states = record(ada, 'state');
    proxy.blackHole();
    for (const clock of clocks) jumps[clock] = HOUR;
    const ms = await select();
    t.diagnostic(`answered after ${Math.round(ms)} ms`);
    assert.ok(ms < SOON_MS, `${ms} ms`);
    assert.deepEqual(states.map(([, { state, reason, recovered }]) => [state, reason ?? recovered]),
      [['reconnecting', 'no sign of life'], ['connected', true]]);
  });
}

test('a connection that survives a sleep answers at once and is kept', async (t) => {
  const { ada, jumps, select } = await scene(t);
  const states = record(ada, 'state');
  jumps.steady = jumps.wall = HOUR;
  const ms = await select();
  assert.ok(ms < SOON_MS / 2, `${ms} ms`);
  await new Promise((resolve) => setTimeout(resolve, 2_200)); // twice as long as a sign of life may take
  assert.deepEqual(states, []);
});
