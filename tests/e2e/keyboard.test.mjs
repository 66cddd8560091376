import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newRoom, suite } from './helpers/suite.mjs';

const parts = suite();

const keyOn = (tab, asset) => tab.card(asset).locator('kbd').textContent().then((key) => key.toLowerCase());

test('the key on a card grabs, never gives back, and with Shift releases', async () => {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  const key = await keyOn(ada, 'sword');
  await ada.page.keyboard.press(key);
  await ada.cardIs('sword', 'mine');
  await ada.page.keyboard.press(key);
  await ada.page.keyboard.press(`Shift+${key.toUpperCase()}`);
  await ada.cardIs('sword', 'open');
  assert.equal(await ada.text('#wins'), '1');
});

test('a card keeps its key when another asset comes before it', async () => {
  const room = newRoom();
  const ada = await parts.browser.join(parts.server, room, 'ada');
  const key = await keyOn(ada, 'sword');
  await parts.server.create(room, 'aaa', 1);
  await ada.cardIs('aaa', 'open');
  assert.equal(await keyOn(ada, 'sword'), key);
  assert.notEqual(await keyOn(ada, 'aaa'), key);
});

test('the keys can be switched off', async () => {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  const [sword, potion] = [await keyOn(ada, 'sword'), await keyOn(ada, 'potion')];
  await ada.page.uncheck('#keys');
  await ada.page.keyboard.press(sword);
  await ada.page.check('#keys');
  await ada.page.keyboard.press(potion);
  await ada.cardIs('potion', 'mine');
  await ada.cardIs('sword', 'open');
});

test('the whole way from the door to a held asset and back works without a mouse', async () => {
  const tab = await parts.browser.open(parts.server.link(newRoom()));
  await tab.page.waitForSelector('#player:focus');
  await tab.page.keyboard.press('Enter');
  await tab.connected();
  await focusByTab(tab, '.card[data-asset=sword] .grab');
  assert.notEqual(await outlineOf(tab, '.card[data-asset=sword] .grab', '::after'), 'none');
  await tab.page.keyboard.press('Enter');
  await tab.cardIs('sword', 'mine');
  await tab.page.keyboard.press('Tab');
  await tab.page.keyboard.press('Enter');
  await tab.cardIs('sword', 'open');
  assert.equal(await tab.page.evaluate(() => document.activeElement.className), 'grab');
});

test('the feed is a live region', async () => {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  assert.equal(await ada.page.getAttribute('#feed', 'aria-live'), 'polite');
});

test('a whole race, its bots and the cut are within reach of the Tab key', async () => {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  await focusByTab(ada, '#race');
  await ada.page.keyboard.press('Enter');
  await ada.phase('countdown');
  for (const control of ['#bots-level', '#bots-five', '#keys', '#cut', '#another', '#use summary']) await focusByTab(ada, control);
});

test('a button that was pressed keeps the focus while it is off', async () => {
  const options = { viewport: { width: 390, height: 844 } };
  const room = newRoom();
  const ada = await parts.browser.open(parts.server.link(room, 'ada'), { options });
  await ada.connected();
  await focusByTab(ada, '#race');
  await ada.page.keyboard.press('Enter');
  await ada.phase('countdown');
  await ada.page.waitForSelector('#race[aria-disabled=true]:focus');
  await ada.page.keyboard.press('Enter');
  await ada.phase('open');
  await ada.page.waitForSelector('#race:focus:visible');
  const { assets } = await (await fetch(`${parts.server.url}/v1/rooms/${room}`)).json();
  assert.equal(assets.length, 2 + 6, 'one race');
  await focusByTab(ada, '#cut');
  await ada.page.keyboard.press('Enter');
  await ada.page.locator('#cut-steps li', { hasText: 'The same answer' }).waitFor();
  await ada.page.waitForSelector('#cut:focus');
  await focusByTab(ada, '#bots-five');
  for (let presses = 0; presses < 5; presses++) await ada.page.keyboard.press('Enter');
  await ada.page.waitForSelector('#bots-five[aria-disabled=true]:focus');
  assert.equal(await ada.text('#bots-count'), '20 / 20');
});

async function focusByTab(tab, selector) {
  for (let presses = 0; presses < 30; presses++) {
    await tab.page.keyboard.press('Tab');
    if (await tab.page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
  }
  assert.fail(`${selector} is out of reach of the Tab key`);
}

const outlineOf = (tab, selector, pseudo) =>
  tab.page.$eval(selector, (element, part) => getComputedStyle(element, part).outlineStyle, pseudo);
