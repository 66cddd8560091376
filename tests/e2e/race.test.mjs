import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newRoom, suite } from './helpers/suite.mjs';

const ROUNDS = 5;
const together = suite();

async function twoTabs(room = newRoom()) {
  const { server, browser } = together;
  const tabs = await Promise.all(['ada', 'bob'].map((player) => browser.join(server, room, player)));
  return { room, tabs, names: ['ada', 'bob'] };
}

test('of two tabs that reach for one unit exactly one wins, and both see it', async () => {
  const { room, tabs, names } = await twoTabs();
  for (let round = 0; round < ROUNDS; round++) {
    const asset = `trophy-${round}`;
    await together.server.create(room, asset, 1);
    await Promise.all(tabs.map((tab) => tab.cardIs(asset, 'open')));
    await Promise.all(tabs.map((tab) => tab.aim(asset)));
    await Promise.all(tabs.map((tab) => tab.strike()));
    const outcomes = await Promise.all(tabs.map((tab) => tab.outcome(asset)));
    assert.deepEqual([...outcomes].sort(), ['missed', 'won']);
    const winner = outcomes.indexOf('won');
    await tabs[winner].cardIs(asset, 'mine');
    await tabs[1 - winner].cardIs(asset, 'gone');
    for (const tab of tabs) {
      assert.deepEqual(await tab.holders(asset), [names[winner]]);
      assert.equal(await tab.remaining(asset), 0);
    }
    assert.match(await tabs[winner].saying(asset), /^in [\d.]+ m?s$/);
    assert.match(await tabs[1 - winner].saying(asset), /told in [\d.]+ m?s$/);
    assert.deepEqual(await together.server.holders(room, asset), [names[winner]]);
    await tabs[winner].fed(`You took ${asset}`);
    await tabs[1 - winner].fed(`${names[winner]} took ${asset}`);
    await tabs[1 - winner].fed(`You missed ${asset}`);
  }
  const scores = await Promise.all(tabs.map(async (tab) => [await tab.text('#wins'), await tab.text('#misses')].map(Number)));
  assert.equal(scores[0][0] + scores[1][0], ROUNDS);
  assert.equal(scores[0][1] + scores[1][1], ROUNDS);
  assert.equal(scores[0][0], scores[1][1]);
  assert.equal(await tabs[0].page.locator('#plot .dot.won, #plot .dot.missed').count(), ROUNDS);
});

test('what one tab releases the other can take', async () => {
  const { tabs: [ada, bob] } = await twoTabs();
  await ada.grab('sword');
  await ada.cardIs('sword', 'mine');
  await bob.cardIs('sword', 'gone');
  await ada.release('sword');
  await bob.cardIs('sword', 'open');
  assert.equal(await bob.remaining('sword'), 1);
  await bob.grab('sword');
  assert.equal(await bob.outcome('sword'), 'won');
  await ada.cardIs('sword', 'gone');
  assert.deepEqual(await ada.holders('sword'), ['bob']);
});

test('the bag lists what is held and gives it back', async () => {
  const { room, tabs: [ada] } = await twoTabs();
  await ada.grab('sword');
  await ada.page.locator('#inventory .item', { hasText: 'sword' }).click();
  await ada.cardIs('sword', 'open');
  await ada.page.locator('#inventory:empty').waitFor({ state: 'attached' });
  assert.deepEqual(await together.server.holders(room, 'sword'), []);
});

test('the race button gives every tab the countdown and the same new cards, shut until the start', async () => {
  const { tabs } = await twoTabs();
  await tabs[0].page.click('#race');
  await Promise.all(tabs.map((tab) => tab.phase('countdown')));
  for (const tab of tabs) {
    await tab.raceCards.nth(5).waitFor();
    assert.match(await tab.text('#countdown'), /^[1-4]$/);
    assert.equal(await tab.page.locator('#race-cards .card[data-state=locked]').count(), 6);
    assert.equal(await tab.page.isDisabled('#race'), true);
  }
  const [first, second] = await Promise.all(tabs.map((tab) => cardsOf(tab)));
  assert.deepEqual(first, second);
  assert.deepEqual(first.map(({ key }) => key), ['1', '2', '3', '4', '5', '6']);
  await Promise.all(tabs.map((tab) => tab.phase('open')));
  await tabs[1].page.keyboard.press('1');
  assert.equal(await tabs[1].outcome(first[0].asset), 'won');
  const reaction = tabs[0].card(first[0].asset).locator('.reaction');
  assert.match(await reaction.textContent(), /^\+[\d.]+ m?s$/);
  assert.match(await tabs[1].text('#fastest'), /^[\d.]+ m?s$/);
});

test('the next race takes the stage and the last one becomes a line of history', async () => {
  const { tabs: [ada] } = await twoTabs();
  await ada.page.click('#race');
  await ada.phase('open');
  const [{ asset }] = await cardsOf(ada);
  await ada.grab(asset);
  assert.equal(await ada.outcome(asset), 'won');
  await ada.page.click('#race');
  await ada.phase('countdown');
  await ada.page.click('#history-title');
  assert.equal(await ada.text('#history-title'), '1 earlier race');
  assert.match(await ada.text('#history-list'), /ada \+/);
  await ada.raceCards.nth(5).waitFor();
  assert.equal(await ada.raceCards.count(), 6);
  assert.equal(await ada.card(asset).count(), 0);
});

test('whoever jumps the start takes nothing and waits longer', async () => {
  const { room, tabs: [ada] } = await twoTabs();
  await ada.page.click('#race');
  await ada.raceCards.nth(5).waitFor();
  const [{ asset }] = await cardsOf(ada);
  await ada.page.keyboard.press('1');
  assert.equal(await ada.outcome(asset), 'early');
  assert.match(await ada.saying(asset), /Too early/);
  assert.deepEqual(await together.server.holders(room, asset), []);
  await ada.cardIs(asset, 'open');
  const late = Date.now() - Number(asset.split(':')[1]);
  assert.ok(late >= 400, `opened ${late} ms after the start`);
});

function cardsOf(tab) {
  return tab.page.$$eval('#race-cards .card', (cards) =>
    cards.map((card) => ({ asset: card.dataset.asset, key: card.querySelector('kbd').textContent })));
}
