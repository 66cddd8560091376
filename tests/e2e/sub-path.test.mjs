// The page behind a proxy that serves it under a path and hides the metrics.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../js/helpers/wait.mjs';
import { startGate } from './helpers/gate.mjs';
import { newRoom, suite } from './helpers/suite.mjs';

/** What Chromium logs of the metrics that the proxy hides; anything else that is not found is a fault. */
const parts = suite({ except: /status of 404/, browser: { permissions: ['clipboard-read', 'clipboard-write'] } });

test('under a path the page joins, plays, races, adds bots and shares its link', async (t) => {
  const url = await startGate(t, { port: parts.server.port, path: '/game/' });
  const room = newRoom();
  const ada = await parts.browser.open(`${url}?room=${room}&player=ada`);
  const missing = [];
  ada.page.on('response', (response) => response.status() === 404 && missing.push(new URL(response.url()).pathname));
  await ada.page.reload();
  await ada.connected();
  await ada.grab('sword');
  await ada.cardIs('sword', 'mine');
  await ada.page.click('#bots-one');
  await ada.peopleAre(2);
  await ada.page.click('#race');
  await ada.phase('countdown');
  await ada.page.click('#share');
  await ada.page.locator('.toast', { hasText: 'Link copied' }).waitFor();
  assert.equal(await ada.page.evaluate(() => navigator.clipboard.readText()), `${url}?room=${room}`);
  assert.ok((await ada.page.getAttribute('#another', 'href')).startsWith(`${url}?room=${room}&player=`));
  await ada.page.click('#leave');
  await ada.page.waitForSelector('#join-form');
  assert.equal(ada.page.url(), url);
  assert.deepEqual(missing, [], 'nothing is asked for outside of the path');
});

test('the metrics are linked, but not where a proxy hides them', async (t) => {
  const url = await startGate(t, { port: parts.server.port, path: '/game/' });
  for (const [address, linked] of [[parts.server.url, true], [url, false]]) {
    const tab = await parts.browser.open(address);
    const asked = tab.page.waitForResponse((response) => response.url().endsWith('/metrics'));
    await tab.page.click('#use summary');
    await asked;
    await tab.page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100)));
    assert.equal(await tab.page.isVisible('#metrics a'), linked, address);
  }
});

test('the lines of “use this in your game” play as they stand, on a page of its own', async (t) => {
  const url = await startGate(t, { port: parts.server.port, path: '/game/' });
  for (const address of [`${parts.server.url}/`, url]) {
    const tab = await parts.browser.open(address);
    await tab.page.click('#use summary');
    const code = await tab.text('#use-code');
    assert.ok(code.includes(`'${address}asset-arbiter.js'`), code);
    await parts.server.http('DELETE', '/v1/rooms/lobby').catch(() => {});
    const said = [];
    tab.page.on('console', (message) => said.push(message.text()));
    await runAsFile(tab.page, code);
    const heard = () => said.filter((line) => /has the|is mine/.test(line)).sort();
    await eventually(() => heard().length >= 2, 'the grant');
    assert.deepEqual(heard(), ['The sword is mine. 0 left', 'ann has the sword']);
    await tab.page.close();
  }
});

/** The page's policy takes scripts from the server alone, so the lines come as a file of it. */
async function runAsFile(page, code) {
  await page.route('**/lines.js', (route) => route.fulfill({ contentType: 'text/javascript', body: code }));
  await page.evaluate(() => import(new URL('lines.js', location.href)));
}
