import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { wave } from '../../examples/phaser/src/gems.ts';
import { startBrowser } from '../e2e/helpers/browser.mjs';
import { ROOT, pack, read } from '../package/helpers/project.mjs';
import { run } from '../package/helpers/tools.mjs';
import { EXAMPLES, restart, startExample } from './helpers/example.mjs';

/** What a browser logs while the server is away, and of WebGL without a GPU. */
const EXPECTED = /WebSocket connection to .* failed|GPU stall due to ReadPixels/;
let browser;

before(async () => {
  [browser] = await Promise.all([startBrowser({ viewport: { width: 900, height: 760 } }), pack()]);
});
afterEach(async () => {
  await browser.closeTabs();
  browser.assertClean({ except: EXPECTED });
});
after(() => browser.close());

async function open(url) {
  return (await browser.open(url)).page;
}

const status = (page, text) => page.locator('[role=status]', { hasText: text }).waitFor();
const log = (page, text) => page.locator('[role=log]', { hasText: text }).waitFor();

/** Takes assets for a player that has no page. */
async function take(server, room, assets, player = 'eve') {
  for (const asset of assets) await server.http('POST', `/v1/rooms/${room}/assets/${asset}/select`, { player });
}

/** Shows that pages tell of a server that is away, and are back with it. */
async function outlives(t, server, pages) {
  await restart(t, server, () => Promise.all(pages.map((page) => status(page, 'Connection lost'))));
  await Promise.all(pages.map((page) => status(page, 'Connected')));
}

test('Phaser: a gem that two run for goes to one, keys lead to gems, and the next wave comes', async (t) => {
  const { server, folder, url } = await startExample(t, 'phaser');
  await run(t, folder, 'tsc');
  const [ann, bob] = await Promise.all(['ann', 'bob'].map((name) => open(`${url}/?name=${name}`)));
  const drawn = (page) => page.locator('#arena[aria-busy=false]').waitFor();
  await Promise.all([ann, bob].flatMap((page) => [status(page, 'Connected, 2 playing'), drawn(page)]));
  const has = (page, name, count) => page.locator('#scores li', { hasText: new RegExp(`^${name}.*: ${count}$`) }).waitFor();

  const [first, second, ...others] = wave(1);
  await Promise.all([ann, bob].map(async (page) => {
    const canvas = page.locator('canvas');
    const { width } = await canvas.boundingBox();
    await canvas.click({ position: { x: (first.x * width) / 800, y: (first.y * width) / 800 } });
  }));
  await ann.locator('#scores li', { hasText: ': 1' }).waitFor();
  const [winner, ...none] = await server.holders('arena', first.asset);
  assert.deepEqual(none, []);
  const annHas = Number(winner === await ann.evaluate(() => sessionStorage.player));
  for (const page of [ann, bob]) {
    await has(page, 'ann', annHas);
    await has(page, 'bob', 1 - annHas);
  }

  // A player who comes back has its gems, and stands in the middle, from where a diagonal leads to the second one.
  await ann.reload();
  await Promise.all([has(ann, 'ann', annHas), drawn(ann)]);
  await ann.keyboard.down('ArrowLeft');
  await ann.keyboard.down('w');
  await log(ann, 'The gem is yours');
  assert.deepEqual(await server.holders('arena', second.asset), [await ann.evaluate(() => sessionStorage.player)]);
  await has(bob, 'ann', annHas + 1);

  await take(server, 'arena', others.map(({ asset }) => asset));
  await bob.keyboard.press('Space');
  await has(ann, 'bob', 2 - annHas);
  await outlives(t, server, [ann, bob]);
  await log(ann, 'has forgotten');
  await has(bob, 'ann', 0);
});

test('React: a seat that two click is one\'s, and is given back by key; the hall sells out', async (t) => {
  const { server, folder, url } = await startExample(t, 'react-seats');
  await run(t, folder, 'tsc');
  const pages = await Promise.all(['ann', 'bob'].map((name) => open(`${url}/?name=${name}`)));
  await Promise.all(pages.map((page) => status(page, 'Connected, 2 choosing')));
  const seat = (page, name, state) => page.getByRole('button', { name: `Seat ${name}, ${state}` });

  await Promise.all(pages.map((page) => page.getByRole('button', { name: 'Seat B3' }).hover()));
  await Promise.all(pages.map((page) => page.getByRole('button', { name: 'Seat B3' }).click({ force: true })));
  await pages[0].getByText('31 of 32 seats are free').waitFor();
  const [holder, ...none] = await server.holders('hall', 'B3');
  assert.deepEqual(none, []);
  const isAnn = holder === await pages[0].evaluate(() => sessionStorage.player);
  const [winner, loser] = isAnn ? pages : [...pages].reverse();
  await seat(winner, 'B3', 'yours').and(winner.locator('[aria-pressed=true]')).waitFor();
  await seat(loser, 'B3', `taken by ${isAnn ? 'ann' : 'bob'}`).and(loser.locator('[aria-disabled=true]')).waitFor();
  await loser.getByText('31 of 32 seats are free').waitFor();

  await winner.getByRole('button', { name: 'Seat B3' }).press('Enter');
  await seat(loser, 'B3', 'free').waitFor();
  await log(winner, 'You have given B3 back');
  const seats = [...'ABCD'].flatMap((row) => [1, 2, 3, 4, 5, 6, 7, 8].map((number) => `${row}${number}`));
  await take(server, 'hall', seats);
  await Promise.all(pages.map((page) => page.getByText('Sold out').waitFor()));
  await outlives(t, server, pages);
  await Promise.all(pages.map((page) => page.getByText('32 of 32 seats are free').waitFor()));
});

test('buzzer: the first of two phones wins a round that the host has opened, and all see who', async (t) => {
  const { server, url } = await startExample(t, 'buzzer');
  const host = await open(`${url}/host.html`);
  const phones = await Promise.all(['ann', 'bob'].map(async (name) => {
    const page = await open(url);
    await page.getByLabel('Your name').fill(name);
    await page.keyboard.press('Enter');
    await status(page, 'Wait for the host');
    return page;
  }));
  await host.locator('#players', { hasText: /^(ann, bob|bob, ann)$/ }).waitFor();
  const [ann, bob] = phones;
  await ann.hover('#buzzer', { force: true });
  for (const round of [1, 2]) {
    await host.click(`text=Open round ${round}`);
    await Promise.all(phones.map((page) => status(page, `Round ${round}: go!`)));
    await Promise.all([ann.mouse.down(), bob.keyboard.press('Space')]);
    await ann.mouse.up();
    await status(host, 'was first');
    const [holder, ...none] = await server.holders('show', `round-${round}`);
    assert.deepEqual(none, []);
    const isAnn = holder === await ann.evaluate(() => sessionStorage.player);
    const [winner, loser] = isAnn ? [ann, bob] : [bob, ann];
    const name = isAnn ? 'ann' : 'bob';
    await status(winner, 'You were first!');
    await status(loser, `${name} was first`);
    await status(host, `${name} was first`);
    assert.equal(await host.locator('#results li').nth(round - 1).textContent(), name);
  }
  await outlives(t, server, [host, ...phones]);
  await Promise.all(phones.map((page) => status(page, 'Wait for the host')));
});

test('the examples pin what is tested here, and their lock files fit', async (t) => {
  const packages = (folder) => JSON.parse(read(ROOT, folder, 'package.json'));
  const { devDependencies: tested } = packages('tests/examples');
  for (const name of EXAMPLES) {
    const { dependencies, devDependencies } = packages(`examples/${name}`);
    const { 'asset-arbiter': own, ...others } = { ...dependencies, ...devDependencies };
    assert.equal(own, 'file:../../clients/js');
    for (const [module, version] of Object.entries(others)) assert.equal(version, tested[module], `${module} of ${name}`);
    await run(t, `${ROOT}/examples/${name}`, 'npm', ['ci', '--dry-run', '--offline', '--ignore-scripts']);
  }
});
