import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newRoom, suite } from './helpers/suite.mjs';

const PHONE = {
  viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, reducedMotion: 'reduce', colorScheme: 'dark',
};
const parts = suite({ browser: PHONE });
const LONGEST = 'a-name-as-long-as-a-name-can-be:'.repeat(2);

test('on a phone nothing is wider than the screen, at the door and in a race with long names', async () => {
  const door = await parts.browser.open(parts.server.url);
  assert.equal(await door.overflow(), 0);
  await parts.server.create(LONGEST, LONGEST, 1_000_000);
  const ada = await parts.browser.join(parts.server, LONGEST, LONGEST);
  await ada.page.tap('#bots-five');
  await ada.peopleAre(6);
  await ada.card(LONGEST).locator('.grab').tap();
  await ada.cardIs(LONGEST, 'mine');
  assert.equal(await ada.overflow(), 0);
  await ada.page.tap('#race');
  await ada.phase('countdown');
  assert.equal(await ada.overflow(), 0);
  await ada.phase('open');
  await ada.raceCards.first().tap();
  await ada.page.waitForSelector('#race-cards .card:is([data-outcome=won], [data-outcome=missed])');
  assert.equal(await ada.overflow(), 0);
});

test('the countdown of a race comes into sight wherever the page is scrolled to', async () => {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  await ada.page.locator('footer').scrollIntoViewIfNeeded();
  await ada.page.$eval('#race', (button) => button.click());
  await ada.phase('countdown');
  await ada.page.waitForFunction(() => {
    const { top, bottom } = document.querySelector('#countdown').getBoundingClientRect();
    return top >= 0 && bottom <= window.innerHeight;
  });
});

test('whoever prefers less motion sees none', async () => {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  await ada.grab('sword');
  await ada.cardIs('sword', 'mine');
  assert.equal(await ada.page.evaluate(() => document.getAnimations().length), 0);
});

test('dark and light are two sets of colours', async () => {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  const ground = () => ada.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await ada.page.emulateMedia({ colorScheme: 'light' });
  assert.notEqual(await ground(), dark);
});

test('of many assets a bounded number is drawn, and the page says so', async () => {
  const room = newRoom();
  for (let i = 0; i < 60; i++) await parts.server.create(room, `item-${i}`, 1);
  const ada = await parts.browser.join(parts.server, room, 'ada');
  await ada.page.waitForFunction(() => document.querySelectorAll('#stock .card').length === 48);
  assert.match(await ada.text('#stock-more'), /^and 14 more/);
});
