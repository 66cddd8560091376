// What a machine's sleep does to a connection, in virtual time.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cut, pong, types, withClock } from './helpers/clock.mjs';

const HOUR = 3_600_000;

for (const [which, clocks] of [
  ['both clocks', { steady: true, wall: true }],
  ['the wall clock alone', { wall: true }],
  ['the steady clock alone', { steady: true }],
]) {
  test(`a timer that is late by ${which} starts a probe, and a new connection a second later`, () => {
    withClock(({ sockets, tick, sleep, latest }) => {
      sockets[0].welcome();
      tick(500);
      sleep(HOUR, clocks);
      tick(500);
      assert.deepEqual(types(sockets[0]), ['ping']);
      tick(950);
      assert.equal(latest().state, 'connected');
      tick(50);
      assert.deepEqual([latest().state, latest().reason, latest().retryInMs], ['reconnecting', 'no sign of life', 0]);
      tick(50);
      assert.match(sockets[1].url, /epoch=E1&offset=10$/);
    });
  });
}

test('a select that comes before any timer is followed by a probe', () => withClock(({ room, sockets, tick, sleep }) => {
  sockets[0].welcome();
  sleep(HOUR);
  room.select('sword').catch(() => {});
  assert.deepEqual(types(sockets[0]), ['select_asset', 'ping']);
  tick(1_050);
  sockets[1].welcome({ recovered: true });
  assert.deepEqual(sockets[1].sent, sockets[0].sent.slice(0, 1), 'the select is repeated as it was');
}));

test('a connection that survives a sleep is kept', () => withClock(({ sockets, tick, sleep, states }) => {
  sockets[0].welcome();
  sleep(HOUR);
  tick(1_000);
  pong(sockets[0]);
  tick(20_000);
  assert.deepEqual([sockets.length, states.length, types(sockets[0])], [1, 1, ['ping']]);
}));

test('a frame that was buffered before the sleep is no sign of life', () => withClock(({ sockets, tick, sleep, latest }) => {
  const frame = (offset) => ({ type: 'players', offset, players: 1 });
  sockets[0].welcome();
  sleep(HOUR);
  tick(1_000);
  sockets[0].hear(frame(11));
  tick(1_000);
  assert.equal(latest().reason, 'no sign of life');
  tick(50);
  sockets[1].welcome({ recovered: true });
  sleep(HOUR);
  tick(1_000);
  tick(300);
  sockets[1].hear(frame(12));
  tick(5_000);
  assert.equal(latest().state, 'connected');
}));

test('a rate limited probe is a sign of life and no error', () => withClock(({ room, sockets, tick, sleep, latest }) => {
  const errors = [];
  room.on('error', (error) => errors.push(error));
  sockets[0].welcome();
  sleep(HOUR);
  tick(1_000);
  const { request_id } = sockets[0].sent[0];
  sockets[0].hear({ type: 'error', code: 'rate_limited', message: '', request_id, temporary: true });
  tick(5_000);
  assert.deepEqual([latest().state, errors], ['connected', []]);
}));

test('a probe that the machine slept through is repeated once', () => withClock(({ sockets, tick, sleep, latest }) => {
  sockets[0].welcome();
  sleep(HOUR);
  tick(1_000);
  sleep(HOUR);
  tick(1_000);
  assert.deepEqual([latest().state, types(sockets[0])], ['connected', ['ping', 'ping']]);
  sleep(HOUR);
  tick(1_000);
  assert.equal(latest().reason, 'no sign of life', 'but not for ever');
}));

test('a probe may take as long as connecting did', () => withClock(({ sockets, tick, sleep, latest }) => {
  tick(2_500);
  sockets[0].welcome();
  sleep(HOUR);
  tick(1_000);
  tick(2_450);
  assert.equal(latest().state, 'connected');
  tick(100);
  assert.equal(latest().reason, 'no sign of life');
}));

test('a wake-up shortens the wait for the next try', () => withClock(({ room, sockets, tick, sleep, latest }) => {
  for (let failure = 0; failure < 6; failure += 1) {
    sockets.at(-1).onclose(cut);
    tick(latest().retryInMs + 50);
  }
  sockets.at(-1).onclose(cut);
  assert.equal(latest().retryInMs, 5_000);
  tick(1_500);
  const before = sockets.length;
  sleep(2_700, { wall: true }); // so long that the rest of the wait would be over a second
  room.ping().catch(() => {});
  tick(50);
  assert.deepEqual([sockets.length, latest().retryInMs], [before + 1, 0]);
}));

test('a wake-up does not shorten the wait of a draining server', () => withClock(({ room, sockets, tick, sleep }) => {
  sockets[0].welcome();
  sockets[0].onclose({ code: 4100, reason: '{"code":4100,"retry_after_ms":60000}' });
  sleep(20_000);
  room.ping().catch(() => {});
  tick(39_900);
  assert.equal(sockets.length, 1);
  tick(150);
  assert.equal(sockets.length, 2, 'and what was slept of it is over');
}));

test('a wake-up restarts a handshake', () => withClock(({ sockets, tick, sleep, states }) => {
  tick(500);
  sleep(HOUR);
  tick(550);
  assert.deepEqual([sockets.length, sockets[0].closed, states], [2, 1000, []]);
  sockets[1].welcome();
  assert.equal(states.length, 1);
}));

test('a busy machine is not taken for one that slept', () => withClock(({ sockets, tick, sleep }) => {
  sockets[0].welcome();
  for (let n = 0; n < 10; n += 1) {
    sleep(900);
    tick(1_000);
  }
  assert.deepEqual(types(sockets[0]), []);
}));

test('after leaving, a wake-up does nothing', () => withClock(({ room, sockets, tick, sleep }) => {
  sockets[0].welcome();
  room.on('state', ({ state }) => state === 'reconnecting' && room.leave());
  sockets[0].onclose({ code: 1011, reason: '' });
  sleep(HOUR);
  room.ping().catch(() => {});
  tick(30_000);
  assert.equal(sockets.length, 1);
}));
