// The game that `asset-arbiter new` writes, with the packed package, played in two real browsers.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { eventually, within } from '../js/helpers/wait.mjs';
import { startArbiter } from './helpers/arbiter.mjs';
import { open } from './helpers/page.mjs';
import { project, read } from './helpers/project.mjs';
import { run, start } from './helpers/tools.mjs';

const GEMS = 32;
const COLUMNS = 8;

/** The files that the command writes, by name. */
function written(t) {
  const folder = mkdtempSync(join(tmpdir(), 'asset-arbiter-new-'));
  t.after(() => rmSync(folder, { recursive: true }));
  execFileSync(process.env.ARBITER_TEST_BIN, ['new', folder]);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const names = files.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
  return Object.fromEntries(names.map((name) => [name, read(folder, name)]));
}

/** What the page says of the game. */
const score = ({ page }) => page.locator('#score').textContent();

async function grab({ page }, gem) {
  const { x, y, width } = await page.locator('canvas').boundingBox();
  const size = width / COLUMNS;
  await page.mouse.click(x + ((gem % COLUMNS) + 0.5) * size, y + (Math.floor(gem / COLUMNS) + 0.5) * size);
}

test('the game is type-checked and built, and two windows race in it', async (t) => {
  const { url } = await startArbiter(t, ['--auto-create', '1']);
  const { 'package.json': manifest, 'vite.config.js': config, ...files } = written(t);
  const { dependencies, scripts } = JSON.parse(manifest);
  assert.deepEqual(Object.keys(dependencies), ['asset-arbiter']);
  assert.equal(scripts.build, 'tsc && vite build');
  const folder = await project(t, { ...files, 'vite.config.js': config.replace('http://127.0.0.1:8080', url) });
  await run(t, folder, 'tsc');
  await run(t, folder, 'vite', ['build']);

  const { output } = start(t, folder, 'vite', ['--port', '0', '--host', '127.0.0.1']);
  const found = () => output.text.match(/http:\/\/127\.0\.0\.1:\d+/)?.[0];
  await within(eventually(found, 'an address'), 'an address', 60_000);
  const windows = [await open(t, found()), await open(t, found())];
  const say = (pattern) => eventually(async () => (await Promise.all(windows.map(score))).every((text) => pattern.test(text)), pattern);
  await say(/^connected, 2 playing\. $/);

  for (let gem = 0; gem < GEMS; gem += 1) await Promise.all(windows.map((window) => grab(window, gem)));
  await eventually(async () => (await score(windows[0])).match(/\d+(?=,|$)/g)?.reduce((sum, n) => sum + Number(n), 0) === GEMS, 'all gems');
  const room = async () => (await (await fetch(`${url}/v1/rooms/gems`)).json()).assets.filter(({ asset }) => asset.startsWith('gem-'));
  const gems = await room();
  assert.equal(gems.length, GEMS);
  assert.ok(gems.every(({ held, holders }) => held === 1 && holders.length === 1), 'one winner each');

  await windows[1].page.locator('button').click();
  await say(/^connected, 2 playing\. $/);
  assert.ok((await room()).every(({ held, revision }) => held === 0 && revision === 2), 'one change each');
  await grab(windows[0], 0);
  await eventually(async () => /you 1$/.test(await score(windows[0])), 'a gem after the reset');
});
