import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newRoom, suite } from './helpers/suite.mjs';

const parts = suite();

test('bots come, can be sent away one by one, and go all together', async () => {
  const room = newRoom();
  const [ada, bob] = await Promise.all(['ada', 'bob'].map((player) => parts.browser.join(parts.server, room, player)));
  await ada.page.click('#bots-five');
  await ada.page.click('#bots-one');
  await Promise.all([ada.peopleAre(8), bob.peopleAre(8)]);
  assert.equal(await ada.text('#bots-count'), '6 / 20');
  const name = (await ada.people()).find((each) => each.startsWith('bot-'));
  await ada.page.click(`#people [data-bot="${name}"]`);
  await Promise.all([ada.peopleAre(7), bob.peopleAre(7)]);
  assert.equal((await bob.people()).includes(name), false);
  assert.equal(await bob.page.locator('#people [data-bot]').count(), 0);
  await ada.page.click('#bots-none');
  await Promise.all([ada.peopleAre(2), bob.peopleAre(2)]);
  assert.equal(await ada.page.isVisible('#bots-none'), false);
});

test('bots race: they wait for the start, react like humans and take what nobody else does', async () => {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  await ada.page.click('#bots-five');
  await ada.page.click('#bots-five');
  await ada.peopleAre(11);
  await ada.page.click('#race');
  await ada.phase('over');
  const taken = await ada.page.locator('#race-cards .chip').allTextContents();
  assert.equal(taken.length, 9, 'all units of a race: 1 + 1 + 1 + 1 + 2 + 3');
  for (const chip of taken) assert.match(chip, /bot-[\w-]+\+[\d.]+ m?s$/);
  const fastest = (await ada.text('#race-note')).match(/fastest, (\d+) ms/);
  assert.ok(Number(fastest[1]) >= 170, `no human reacts in ${fastest[1]} ms`);
});

test('a page brings twenty bots at most', async () => {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  for (let clicks = 0; clicks < 4; clicks++) await ada.page.click('#bots-five');
  await ada.peopleAre(21);
  assert.equal(await ada.page.isDisabled('#bots-one'), true);
  assert.equal(await ada.page.isDisabled('#bots-five'), true);
});
