import assert from 'node:assert/strict';
import { test } from 'node:test';
import { playRace } from './helpers/person.mjs';
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

/** Milliseconds of a reaction, as people have. */
const human = () => 250 + Math.random() * 250;
/** How many of the 9 units of a race a person wins at least and at most, whatever luck does. */
const WON = { easy: [1, 6], medium: [0, 6], hard: [0, 4] };

test('bots race, among themselves and against a person', async (t) => {
  const levels = Object.entries(WON).map(([level, won]) => raceAgainstPerson(t, level, won));
  await Promise.all([raceAmongThemselves(), ...levels]);
});

/** They wait for the start, react like humans and take what nobody else does. */
async function raceAmongThemselves() {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  await ada.page.selectOption('#bots-level', 'hard');
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
  assert.match(await ada.text('.best'), /^the room’s best\d+ ms bot-\w+, \w+$/);
  assert.equal(await ada.text('#best'), `${fastest[1]} ms`);
  await ada.page.reload();
  await ada.connected();
  await ada.page.locator('#best', { hasText: `${fastest[1]} ms` }).waitFor();
}

/** They race against a player with the reactions of a person. */
async function raceAgainstPerson(t, level, [least, most]) {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  await ada.page.selectOption('#bots-level', level);
  await ada.page.click('#bots-five');
  await ada.peopleAre(6);
  const won = await playRace(ada, human);
  t.diagnostic(`${level}: ${won} of 9 units`);
  assert.ok(won >= least && won <= most, `${level}: ${won} of 9 units`);
}

/** The share of the units that a person wins, by many races without a server: whoever is next takes an open asset. */
const shareOf = (tab, level, bots) => tab.page.evaluate(async ([name, number]) => {
  const { reaction } = await import(new URL('demo/levels.js', location.href));
  const { UNITS } = await import(new URL('demo/race.js', location.href));
  let [won, taken] = [0, 0];
  for (let race = 0; race < 2000; race++) {
    const left = [...UNITS];
    const next = (player) => (player === 0 ? 250 + Math.random() * 250 : reaction(name, number));
    const players = Array.from({ length: number + 1 }, (_, id) => ({ id, at: next(id), held: new Set() }));
    const openTo = ({ held }) => left.flatMap((units, asset) => (units > 0 && !held.has(asset) ? [asset] : []));
    for (let waiting = players; waiting.length > 0; waiting = waiting.filter((each) => openTo(each).length > 0)) {
      const first = waiting.reduce((a, b) => (a.at < b.at ? a : b));
      const open = openTo(first);
      const asset = open[Math.floor(Math.random() * open.length)];
      left[asset] -= 1;
      first.held.add(asset);
      first.at += next(first.id);
    }
    won += players[0].held.size;
    taken += players.reduce((sum, { held }) => sum + held.size, 0);
  }
  return won / taken;
}, [level, bots]);

test('against bots of the middle level a person wins about a third, however many they are', async (t) => {
  const tab = await parts.browser.open(parts.server.url);
  for (const bots of [2, 5, 20]) {
    const [easy, medium, hard] = await Promise.all(['easy', 'medium', 'hard'].map((level) => shareOf(tab, level, bots)));
    t.diagnostic(`${bots} bots: ${[easy, medium, hard].map((share) => share.toFixed(2)).join(', ')}`);
    assert.ok(medium > 0.3 && medium < 0.42, `${medium} against ${bots} bots`);
    assert.ok(easy > medium + 0.08 && hard < medium - 0.08, `${easy}, ${medium}, ${hard} against ${bots} bots`);
  }
});

test('a page brings twenty bots at most', async () => {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  for (let clicks = 0; clicks < 4; clicks++) await ada.page.click('#bots-five');
  await ada.peopleAre(21);
  assert.equal(await ada.page.isDisabled('#bots-one'), true);
  assert.equal(await ada.page.isDisabled('#bots-five'), true);
});
