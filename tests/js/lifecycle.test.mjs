// Events of the page and the network, in virtual time.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cut, pong, types, withClock } from './helpers/clock.mjs';
import { withPage } from './helpers/page.mjs';

/** A welcomed room on a page. */
const onPage = (body) => withPage((page) => withClock((all) => {
  all.sockets[0].welcome();
  body({ ...all, page });
}));

for (const [name, happens] of [
  ['online', (page) => page.online()],
  ['offline', (page) => page.offline()],
  ['being shown again', (page) => page.turn('visible')],
  ['a resume without a freeze', (page) => page.resume()],
]) {
  test(`${name}: a connection is probed, and replaced after a second without a pong`, () => {
    onPage(({ sockets, tick, latest, page }) => {
      tick(5_000);
      happens(page);
      assert.deepEqual(types(sockets[0]), ['ping'], 'at once');
      pong(sockets[0]);
      tick(3_000);
      assert.deepEqual([sockets.length, latest().state], [1, 'connected'], 'a connection that works is kept');
      happens(page);
      tick(1_050);
      assert.deepEqual([sockets.length, latest().state, latest().reason], [2, 'reconnecting', 'no sign of life']);
    });
  });
}

test('a page that is hidden, or shown first, probes nothing', () => onPage(({ sockets, page }) => {
  page.turn('hidden');
  page.window.fire('pageshow', { persisted: false });
  assert.deepEqual(types(sockets[0]), []);
}));

test('a pending probe keeps its deadline when more events come', () => onPage(({ sockets, tick, page }) => {
  for (let n = 0; n < 10; n += 1) {
    page.online();
    tick(100);
  }
  tick(100);
  assert.deepEqual([types(sockets[0]), sockets.length], [['ping'], 2]);
}));

test('the network\'s return shortens a wait, once a second at most', () => onPage(({ sockets, tick, latest, page }) => {
  for (let failure = 0; failure < 7; failure += 1) {
    sockets.at(-1).onclose(cut);
    if (failure < 6) tick(latest().retryInMs + 50);
  }
  assert.equal(latest().retryInMs, 5_000);
  tick(1_200);
  const before = sockets.length;
  page.online();
  tick(1);
  assert.equal(sockets.length, before + 1, 'at once');
  for (let n = 0; n < 39; n += 1) {
    sockets.at(-1).onclose?.(cut);
    page.online();
    tick(100);
  }
  assert.equal(sockets.length, before + 4);
}));

test('the network\'s return does not shorten the wait of a draining server', () => onPage(({ sockets, tick, page }) => {
  sockets[0].onclose({ code: 4100, reason: '{"code":4100,"retry_after_ms":30000}' });
  tick(5_000);
  page.online();
  page.turn('visible');
  page.hide({ persisted: true });
  tick(5_000);
  page.show({ persisted: true });
  tick(19_900);
  assert.equal(sockets.length, 1);
  tick(150);
  assert.equal(sockets.length, 2);
}));

test('the network\'s return restarts a handshake that is older than a second', () => {
  withPage((page) => withClock(({ sockets, tick }) => {
    tick(500);
    page.online();
    assert.equal(sockets.length, 1);
    tick(1_000);
    page.online();
    assert.deepEqual([sockets.length, sockets[0].closed], [2, 1000]);
  }));
});

for (const [name, sleeps, wakes] of [
  ['in the back/forward cache', (page) => page.hide({ persisted: true }), (page) => page.show({ persisted: true })],
  ['frozen', (page) => page.freeze(), (page) => page.resume()],
]) {
  test(`a page that is ${name} closes its connection, resumes and repeats what has no answer`, () => {
    onPage(({ room, sockets, tick, latest, page, states }) => {
      sockets[0].hear({ type: 'players', offset: 11, players: 2 });
      room.select('sword', { timeoutMs: Infinity }).catch(() => {});
      sleeps(page);
      assert.equal(sockets[0].closed, 1000);
      assert.deepEqual(latest(), { state: 'reconnecting', code: 1001, reason: 'suspended' });
      room.release('sword').catch(() => {});
      tick(60_000);
      assert.deepEqual([sockets.length, states.length], [1, 2], 'nothing happens meanwhile');
      wakes(page);
      assert.equal(sockets.length, 2, 'at once');
      assert.match(sockets[1].url, /epoch=E1&offset=11$/);
      sockets[1].welcome({ recovered: true });
      assert.deepEqual(types(sockets[1]), ['select_asset', 'release_asset']);
      assert.deepEqual(sockets[1].sent[0], sockets[0].sent[0]);
    });
  });
}

test('a page that goes for good is left to the browser', () => onPage(({ sockets, page }) => {
  page.hide({ persisted: false });
  assert.equal(sockets[0].closed, null);
}));

test('the network\'s return does not connect a frozen page', () => onPage(({ sockets, tick, page }) => {
  page.freeze();
  page.online();
  tick(5_000);
  assert.equal(sockets.length, 1);
}));

for (const [name, ends, code] of [
  ['leaving', ({ room }) => room.leave(), 1000],
  ['being closed by the server', ({ sockets }) => sockets[0].onclose({ code: 4003, reason: '' }), 4003],
  ['leaving while frozen', ({ room, page }) => { page.freeze(); room.leave(); }, 1000],
]) {
  test(`after ${name} every listener is removed`, () => onPage((all) => {
    const { page, sockets, latest, tick } = all;
    assert.ok(page.listeners >= 7);
    ends(all);
    assert.equal(page.listeners, 0);
    page.online();
    page.show({ persisted: true });
    tick(20_000);
    assert.deepEqual([sockets.length, latest().state, latest().code], [1, 'closed', code]);
  }));
}
