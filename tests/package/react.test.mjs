// The hooks from the packed package, in React's StrictMode, in a real browser.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { players } from '../js/helpers/players.mjs';
import { next, record } from '../js/helpers/wait.mjs';
import { startArbiter } from './helpers/arbiter.mjs';
import { open, serve } from './helpers/page.mjs';
import { project } from './helpers/project.mjs';
import { component } from './helpers/readme.mjs';
import { run } from './helpers/tools.mjs';

const PAGE = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><div id="root"></div><script src="/main.js"></script>';

/** A page of React in development, where StrictMode runs every effect twice. `window.show` sets what is shown. */
async function app(t, url, body) {
  const folder = await project(t, {
    'dist/index.html': PAGE,
    'main.jsx': `
      import { StrictMode, useState } from 'react';
      import { createRoot } from 'react-dom/client';
      ${component(url)}
      ${body}
      createRoot(document.querySelector('#root')).render(<StrictMode><App /></StrictMode>);`,
  });
  const flags = ['--bundle', '--jsx=automatic', '--jsx-dev', '--define:process.env.NODE_ENV="development"', '--outfile=dist/main.js'];
  await run(t, folder, 'esbuild', ['main.jsx', ...flags]);
  return open(t, await serve(t, join(folder, 'dist')));
}

const SWITCH = `
  function App() {
    const [shown, show] = useState(true);
    window.show = show;
    return shown && <Sword />;
  }`;

test('StrictMode joins once, follows the room, and leaves with the component', async (t) => {
  const { server, url } = await startArbiter(t);
  const [bob] = await players(t, server.url, 'arena', ['bob']);
  const seen = record(bob, 'players');
  const { page, sockets, lines } = await app(t, url, SWITCH);
  await page.waitForSelector('button:has-text("1 left")');
  await bob.select('sword');
  await page.waitForSelector('button:has-text("0 left")');
  await bob.release('sword');
  await page.click('button:has-text("1 left")');
  await page.waitForSelector('button:disabled:has-text("yours")');
  assert.deepEqual(await server.holders('arena', 'sword'), ['ann']);
  assert.equal(sockets.length, 1, sockets.join(' '));
  assert.deepEqual(seen.map(([, { joined, left }]) => [joined, left]), [['ann', undefined]]);
  const gone = next(bob, 'players', ({ left }) => left === 'ann');
  await page.evaluate(() => window.show(false));
  await gone;
  assert.deepEqual(lines.filter((line) => line.startsWith('ERROR')), []);
});

test('another player joins anew, the same one does not, and none waits', async (t) => {
  const { server, url } = await startArbiter(t);
  const [bob] = await players(t, server.url, 'arena', ['bob']);
  const { page, sockets } = await app(t, url, `
    function App() {
      const [player, set] = useState(null);
      window.set = set;
      const { room, state, players } = useRoom('${url}', player && { room: 'arena', player });
      return <p>{room?.player ?? 'nobody'} {state} {players.count}</p>;
    }`);
  await page.waitForSelector('p:has-text("nobody connecting 0")');
  await page.evaluate(() => window.set('ann'));
  await page.waitForSelector('p:has-text("ann connected 2")');
  const moved = Promise.all([
    next(bob, 'players', ({ joined }) => joined === 'eve'), next(bob, 'players', ({ left }) => left === 'ann'),
  ]);
  await page.evaluate(() => window.set('eve'));
  await page.waitForSelector('p:has-text("eve connected 2")');
  await moved;
  const left = next(bob, 'players', ({ left: who }) => who === 'eve');
  await page.evaluate(() => window.set(null));
  await page.waitForSelector('p:has-text("nobody connecting 0")');
  await left;
  assert.equal(sockets.length, 2);
});

test('the reason why a room is closed is there to show, and a select before the room rejects', async (t) => {
  const { server, url } = await startArbiter(t);
  const { page } = await app(t, url, `
    function App() {
      const { room, state, error } = useRoom('${url}', { room: 'arena', player: 'ann' });
      const early = useAsset(null, 'sword');
      window.early = () => early.select().catch(({ code }) => code);
      return <p>{state} {error?.code}</p>;
    }`);
  await page.waitForSelector('p:has-text("connected")');
  assert.equal(await page.evaluate(() => window.early()), 'unreachable');
  await server.http('DELETE', '/v1/rooms/arena');
  await page.waitForSelector('p:has-text("closed room_removed")');
});

test('a hold counts down, is kept, and counts no more', async (t) => {
  const { server, url } = await startArbiter(t);
  await server.create('arena', 'seat', 1, { hold_ms: 60_000 });
  const { page } = await app(t, url, `
    function App() {
      const { room, state } = useRoom('${url}', { room: 'arena', player: 'ann' });
      const { mine, expiresAt, select, confirm, extend } = useAsset(room, 'seat');
      Object.assign(window, { select, confirm, extend });
      const left = expiresAt === undefined ? 'for ever' : expiresAt - performance.now();
      return <p data-left={left}>{state} {mine ? 'mine' : 'free'}</p>;
    }`);
  await page.waitForSelector('p[data-left="for ever"]:has-text("connected free")');
  await page.evaluate(() => window.select());
  await page.waitForSelector('p:not([data-left="for ever"]):has-text("mine")');
  const left = Number(await page.getAttribute('p', 'data-left'));
  assert.ok(left > 30_000 && left <= 60_000, `${left}`);
  assert.ok(await page.evaluate(async () => (await window.extend()).expiresAt - performance.now()) > 30_000);
  assert.equal(await page.evaluate(async () => (await window.confirm()).confirmed), true);
  await page.waitForSelector('p[data-left="for ever"]:has-text("mine")');
});

test('on a server the hooks render without a connection', async (t) => {
  const { url } = await startArbiter(t);
  const folder = await project(t, {
    'render.jsx': `
      import { renderToString } from 'react-dom/server';
      ${component(url)}
      globalThis.WebSocket = class { constructor() { throw new Error('no connection on a server'); } };
      console.log(renderToString(<Sword />));`,
  });
  await run(t, folder, 'esbuild', [
    'render.jsx', '--bundle', '--platform=node', '--jsx=automatic', '--format=cjs', '--outfile=render.cjs',
  ]);
  assert.equal((await run(t, folder, 'node', ['render.cjs'])).trim(), '<p>connecting</p>');
});
