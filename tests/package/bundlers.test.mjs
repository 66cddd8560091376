// The README's lines from the packed package, bundled, in a real browser.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { startArbiter } from './helpers/arbiter.mjs';
import { open, serve } from './helpers/page.mjs';
import { project } from './helpers/project.mjs';
import { WON, asFunction, component, lines } from './helpers/readme.mjs';
import { address, run, start } from './helpers/tools.mjs';

const PAGE = (script) => `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="${script}"></script>`;

/** A page of a folder plays. */
async function plays(t, url) {
  const { said } = await open(t, url);
  await said(WON);
}

test('Vite, as it serves while one develops', async (t) => {
  const { url } = await startArbiter(t);
  const folder = await project(t, { 'index.html': PAGE('/main.js'), 'main.js': lines(url) });
  const { output } = start(t, folder, 'vite', ['--port', '0', '--host', '127.0.0.1']);
  await plays(t, await address(output));
});

test('Vite\'s build', async (t) => {
  const { url } = await startArbiter(t);
  const folder = await project(t, { 'index.html': PAGE('/main.js'), 'main.js': lines(url) });
  await run(t, folder, 'vite', ['build']);
  await plays(t, await serve(t, join(folder, 'dist')));
});

test('webpack', async (t) => {
  const { url } = await startArbiter(t);
  const folder = await project(t, { 'dist/index.html': PAGE('/main.js'), 'src/index.js': lines(url) });
  await run(t, folder, 'webpack', ['--mode', 'production', '--entry', './src/index.js']);
  await plays(t, await serve(t, join(folder, 'dist')));
});

test('esbuild, and the minified file without any bundler', async (t) => {
  const { url } = await startArbiter(t);
  const min = './node_modules/asset-arbiter/dist/asset-arbiter.min.js';
  const folder = await project(t, {
    'main.js': lines(url), 'dist/index.html': PAGE('/main.js'),
    'min.html': PAGE('/min.js'), 'min.js': lines(url).replace('asset-arbiter', min),
  });
  await run(t, folder, 'esbuild', ['main.js', '--bundle', '--minify', '--format=esm', '--outfile=dist/main.js']);
  await plays(t, await serve(t, join(folder, 'dist')));
  await plays(t, `${await serve(t, folder)}/min.html`);
});

const TELL = 'const log = console.log; console.log = (...args) => { log(...args); tell(`${args[0]} {`); };';

test('a Web Worker and a Service Worker', async (t) => {
  const { url } = await startArbiter(t);
  const page = `
    const worker = new Worker('/worker.js', { type: 'module' });
    worker.onmessage = async ({ data }) => {
      console.log('worker:', data);
      if (data.startsWith('mine')) (await navigator.serviceWorker.ready).active.postMessage('play');
    };
    navigator.serviceWorker.onmessage = ({ data }) => console.log('service:', data);
    navigator.serviceWorker.register('/service.js');`;
  const folder = await project(t, {
    'dist/index.html': PAGE('/page.js'), 'dist/page.js': page,
    'worker.js': `${asFunction(url)}const tell = (text) => postMessage(text);\n${TELL}\nplay();`,
    'service.js': `${asFunction(url)}let tell;\n${TELL}\n
      addEventListener('message', (event) => { tell = (text) => event.source.postMessage(text); event.waitUntil(play()); });`,
  });
  await run(t, folder, 'esbuild', ['worker.js', 'service.js', '--bundle', '--format=iife', '--outdir=dist']);
  const { said } = await open(t, await serve(t, join(folder, 'dist')));
  await said(/^worker: mine/);
  await said(/^service: mine/);
});

test('Next.js: imported on the server, built, and played in the page', async (t) => {
  const { server, url } = await startArbiter(t);
  const folder = await project(t, {
    'app/layout.jsx': 'export default ({ children }) => <html lang="en"><body>{children}</body></html>;',
    'app/sword.jsx': `'use client';\n${component(url).replace('function Sword', 'export function Sword')}`,
    'app/page.jsx': `
      import { VERSION, joinRoom } from 'asset-arbiter';
      import { Admin } from 'asset-arbiter/admin';
      import { Sword } from './sword';
      export const dynamic = 'force-dynamic';
      export default async function Page() {
        const { units } = await new Admin('${url}').create('arena', 'shield', 7);
        const room = await joinRoom('${url}', { room: 'arena' }).ready;
        const { remaining } = room.assets.get('shield');
        room.leave();
        return <main><p id="server">{VERSION}: {remaining} of {units}</p><Sword /></main>;
      }`,
  });
  await run(t, folder, 'next', ['build']);
  const { output } = start(t, folder, 'next', ['start', '--port', '0', '--hostname', '127.0.0.1']);
  const { page } = await open(t, await address(output));
  assert.match(await page.textContent('#server'), /^\d+\.\d+\.\d+: 7 of 7$/);
  await page.click('button:has-text("1 left")');
  await page.waitForSelector('button:has-text("yours")');
  assert.deepEqual(await server.holders('arena', 'sword'), ['ann']);
});
