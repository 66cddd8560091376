// The library in a real page that loses its network, is hidden, frozen and restored from the back/forward cache: how
// long the first select takes after each.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startProxy } from '../js/helpers/proxy.mjs';
import { eventually } from '../js/helpers/wait.mjs';
import { startChromium } from './helpers/chromium.mjs';
import { startServer } from './helpers/server.mjs';
import { newRoom } from './helpers/suite.mjs';

/** A second until the dead connection is given up, the new handshake, and some for a busy machine. */
const SOON_MS = 2_500;
/** The handshake alone, on a busy machine. */
const AT_ONCE_MS = 1_000;

let server;
before(async () => { server = await startServer(); });
after(() => server.kill());

/** A page behind a proxy that has joined a room and records its events. */
async function scene(t) {
  const proxy = await startProxy(t, server.port);
  const chromium = await startChromium(t);
  const url = `http://127.0.0.1:${proxy.port}`;
  const tab = await chromium.open(`${url}/`);
  const room = newRoom();
  await tab.value(`(async () => {
    window.told = [];
    const tell = (event) => told.push(event.persisted === undefined ? event.type : event.type + ' ' + event.persisted);
    for (const event of ['online', 'offline', 'pagehide', 'pageshow']) addEventListener(event, tell);
    for (const event of ['freeze', 'resume']) document.addEventListener(event, tell);
    const { joinRoom } = await import('/asset-arbiter.js');
    window.room = joinRoom(location.origin, { room: '${room}', player: 'ada' });
    window.states = [];
    room.on('state', ({ state, reason, recovered }) => states.push([state, reason ?? recovered].join(' ')));
    await room.ready;
    states.length = 0;
  })()`);
  return { proxy, chromium, tab, url, room };
}

/** Milliseconds that a select takes, from now. */
async function select(t, tab, asset = 'potion') {
  const ms = Math.round(await tab.value(`(async () => {
    const since = performance.now();
    const { granted } = await room.select('${asset}');
    if (!granted) throw new Error('not granted');
    return performance.now() - since;
  })()`));
  t.diagnostic(`answered after ${ms} ms`);
  return ms;
}

/** Waits until the server has seen the player leave; a room that nobody has done anything in is unknown then. */
const isEmpty = (room) => eventually(async () => {
  const response = await fetch(`${server.url}/v1/rooms/${room}`);
  const { players = 0 } = await response.json();
  return players === 0;
}, `${room} to be empty`);

const told = (tab) => tab.value('told.splice(0)');
const states = (tab) => tab.value('states.splice(0)');
const reconnecting = (tab) => tab.until('room.state === "reconnecting"');

test('a network that is gone for seconds, and returns', async (t) => {
  const { proxy, tab } = await scene(t);
  proxy.blackHole();
  await tab.setOffline(true);
  await reconnecting(tab);
  await tab.until('states.length >= 5'); // the waits have grown to a second and more
  await tab.setOffline(false);
  assert.ok((await select(t, tab)) < AT_ONCE_MS);
  assert.deepEqual(await told(tab), ['offline', 'online']);
  assert.equal((await states(tab)).at(-1), 'connected true');
});

test('a network that returns before the page has given up its dead connection', async (t) => {
  const { proxy, tab } = await scene(t);
  proxy.blackHole();
  await tab.setOffline(true);
  await tab.setOffline(false);
  assert.ok((await select(t, tab)) < SOON_MS);
  assert.deepEqual(await states(tab), ['reconnecting no sign of life', 'connected true']);
});

test('a hidden page whose connection died is shown again', async (t) => {
  const { proxy, chromium, tab, url } = await scene(t);
  const other = await chromium.open(`${url}/favicon.svg`);
  await tab.until('document.visibilityState === "hidden"');
  proxy.blackHole();
  await tab.toFront();
  await tab.until('document.visibilityState === "visible"');
  assert.ok((await select(t, tab)) < SOON_MS);
  assert.deepEqual(await states(tab), ['reconnecting no sign of life', 'connected true']);
  await other.close();
});

test('a hidden page whose connection is alive is shown again and keeps it', async (t) => {
  const { chromium, tab, url } = await scene(t);
  await chromium.open(`${url}/favicon.svg`);
  await tab.until('document.visibilityState === "hidden"');
  await tab.toFront();
  await tab.until('document.visibilityState === "visible"');
  assert.ok((await select(t, tab)) < AT_ONCE_MS);
  await new Promise((resolve) => setTimeout(resolve, 1_200)); // longer than a sign of life may take
  assert.deepEqual(await states(tab), []);
});

test('a page that is frozen in the background and resumes', async (t) => {
  const { chromium, tab, url, room } = await scene(t);
  // An empty room goes with its last member, and with it what a page could resume from.
  await select(t, tab, 'sword');
  const other = await chromium.open(`${url}/favicon.svg`);
  await tab.until('document.visibilityState === "hidden"');
  await tab.freeze();
  await isEmpty(room);
  await tab.unfreeze();
  await tab.toFront();
  assert.ok((await select(t, tab)) < AT_ONCE_MS);
  assert.deepEqual(await told(tab), ['freeze', 'resume']);
  assert.deepEqual(await states(tab), ['reconnecting suspended', 'connected true']);
  await other.close();
});

test('a page that is restored from the back/forward cache repeats its unanswered select', async (t) => {
  const { proxy, tab, room } = await scene(t);
  proxy.swallowReplies();
  await tab.value('void (window.pending = room.select("sword"))');
  await tab.goTo(`${server.url}/favicon.svg`);
  await tab.until('location.pathname === "/favicon.svg"');
  await isEmpty(room);
  await tab.goBack();
  await tab.until('location.pathname === "/"');
  assert.equal(await tab.value('typeof room'), 'object', 'the same page');
  assert.ok((await select(t, tab)) < AT_ONCE_MS);
  assert.deepEqual([await told(tab), await states(tab)], [
    ['pagehide true', 'freeze', 'resume', 'pageshow true'], ['reconnecting suspended', 'connected true'],
  ]);
  assert.equal(await tab.value('pending.then(({ granted }) => granted)'), true);
});

test('after leaving, no listener is left on the page', async (t) => {
  const { tab } = await scene(t);
  const listeners = async () => [...await tab.listeners('window'), ...await tab.listeners('document')];
  const joined = await listeners();
  await tab.value('room.leave()');
  const left = await listeners();
  for (const type of left) joined.splice(joined.indexOf(type), 1);
  const ours = ['offline', 'online', 'pagehide', 'pageshow', 'freeze', 'resume', 'visibilitychange'];
  assert.deepEqual(joined, ours);
  await tab.setOffline(true);
  await tab.setOffline(false);
  await tab.until('told.length === 2');
  assert.deepEqual([await tab.value('room.state'), await states(tab)], ['closed', ['closed left']]);
});
