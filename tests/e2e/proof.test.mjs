// After a race, the page's account of it from the frames that it received.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newRoom, suite } from './helpers/suite.mjs';

const parts = suite();
const RIGHT = /^\d+ reached, 9 units, 9 winners, none twice, none left over\.$/;

test('after a race one line says who reached, who won, and that nothing went twice', async () => {
  await Promise.all([provesAlone(), provesAmongOthers()]);
});

/** A page whose own players are all that play knows who reached. */
async function provesAlone() {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  await ada.page.click('#bots-five');
  await ada.peopleAre(6);
  await ada.race();
  assert.equal(await ada.page.isVisible('#race-proof'), false, 'not before the end');
  await ada.phase('over');
  await ada.page.locator('#race-proof-text', { hasText: RIGHT }).waitFor();
  assert.equal(await ada.page.getAttribute('#race-proof', 'data-ok'), 'true');
  const reached = Number((await ada.text('#race-proof-text')).split(' ')[0]);
  const winners = new Set(await ada.page.locator('#race-cards .chip .name').allTextContents());
  assert.ok(reached >= winners.size && reached <= 6, `${reached} reached, ${winners.size} won`);
  await ada.page.click('#race');
  await ada.phase('countdown');
  await ada.page.click('#history-title');
  assert.match(await ada.text('#history-list .account'), RIGHT);
}

/** Of players on other pages only winners are known to have reached. */
async function provesAmongOthers() {
  const room = newRoom();
  const [ada, bob] = await Promise.all(['ada', 'bob'].map((player) => parts.browser.join(parts.server, room, player)));
  await ada.peopleAre(2);
  await ada.page.click('#bots-five');
  await ada.peopleAre(7);
  await ada.race();
  await Promise.all([ada.phase('over'), bob.phase('over')]);
  for (const tab of [ada, bob]) {
    assert.match(await tab.text('#race-proof-text'), /^At least [1-5] reached, 9 units, 9 winners, none twice, none left over\.$/);
  }
}

/** Lets a page play through a server that also tells what `forge(frame)` returns. */
async function behindLiar(room, forge) {
  const tab = await parts.browser.open('about:blank');
  await tab.page.routeWebSocket(/\/ws\?/, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((text) => {
      socket.send(text);
      const frame = JSON.parse(text);
      const isOfAda = socket.url().includes('player=ada');
      for (const lie of isOfAda && frame.asset?.startsWith('race:') ? forge(frame) : []) socket.send(JSON.stringify(lie));
    });
  });
  await tab.page.goto(parts.server.link(room, 'ada'));
  await tab.connected();
  return tab;
}

/** The account of a race that ada wins alone, told by a liar. */
async function accountOf(forge) {
  const ada = await behindLiar(newRoom(), forge);
  await ada.page.click('#bots-one');
  await ada.page.selectOption('#bots-level', 'hard');
  await ada.page.click('#bots-five');
  await ada.race();
  await ada.phase('over');
  await ada.page.waitForSelector('#race-proof[data-ok=false]');
  return ada.text('#race-proof-text');
}

test('a unit that goes to two players is seen, and so is a player who wins twice', async () => {
  const isLast = ({ type, remaining }) => type === 'asset_granted' && remaining === 0;
  const again = (player) => (frame) =>
    (isLast(frame) ? [{ ...frame, offset: frame.offset + 0.5, player: player ?? frame.player, revision: frame.revision + 1 }] : []);
  const [two, twice] = await Promise.all([accountOf(again('eve')), accountOf(again())]);
  assert.match(two, /^\d+ reached, 9 units, 1\d winners\. Something is wrong: [\w-]+ has \d of it and \d winners: /);
  assert.match(twice, /Something is wrong: [\w-]+ went to bot-[\w-]+ twice; .* more\.$/);
});

test('the account of frames, one by one', async () => {
  const { page } = await parts.browser.open(parts.server.url);
  const account = (frames) => page.evaluate(async (all) => {
    const { Audit } = await import(new URL('demo/audit.js', location.href));
    const audit = new Audit(() => 2);
    for (const frame of all) audit.hear(frame);
    return audit.verdict([{ asset: 'race:1795293502848:gem' }]);
  }, frames.map((frame) => ({ asset: 'race:1795293502848:gem', ...frame })));
  const welcome = { type: 'welcome', asset: undefined, player: 'ann', players: 2, recovered: false, assets: [] };
  const made = (units, more) => ({ type: 'asset_changed', offset: 1, units, remaining: units, revision: 0, ...more });
  const grant = (player, revision, remaining, more) =>
    ({ type: 'asset_granted', offset: revision + 1, player, units: 1, remaining, revision, ...more });
  const denial = (revision) => ({ type: 'selection', granted: false, remaining: 0, revision });
  const state = (revision, remaining, holders) => ({
    asset: 'race:1795293502848:gem', units: 1, remaining, revision, held: holders.length,
    holders: holders.map((player) => ({ player, at: 1 })),
  });
  const snapshot = (...assets) => ({ type: 'snapshot', asset: undefined, offset: 9, players: 2, assets });
  const released = { type: 'asset_released', offset: 3, player: 'bob', remaining: 1, revision: 2 };

  for (const [frames, ok, text] of [
    [[made(1), grant('bob', 1, 0), denial(1)], true, '2 reached, 1 unit, 1 winner, none twice, none left over.'],
    [[made(1)], true, '0 reached, 1 unit, 0 winners, none twice, 1 left over.'],
    [[made(1), grant('bob', 1, 0), grant('bob', 1, 0)], true, '1 reached, 1 unit, 1 winner, none twice, none left over.'],
    [[made(1), grant('bob', 1, 0), released, grant('ann', 3, 0)], true,
      '2 reached, 1 unit, 2 winners, 1 given back, none twice, none left over.'],
    [[made(1), snapshot(state(1, 0, ['bob']))], true, '1 reached, 1 unit, 1 winner, none twice, none left over.'],
    [[made(1), grant('bob', 1, 0), grant('ann', 2, 0)], false, /gem has 1 of it and 2 winners: bob, ann/],
    [[made(1), grant('bob', 1, 0), grant('ann', 1, 0)], false, /gem tells change 1 twice, first of bob, then of ann/],
    [[made(2), grant('bob', 1, 1, { units: 2 }), denial(1)], false, /gem was denied to ann with 1 left/],
    [[made(2), grant('bob', 1, 0, { units: 2 })], false, /gem shows 0 left of 2, with 1 taken/],
    [[made(1), grant('bob', 1, 0), { ...denial(1), granted: true }], false, /gem was promised to ann and went to bob/],
    [[made(1), { ...released, revision: 1 }], false, /gem came back from bob, who did not have it/],
    [[made(1), grant('bob', 1, 0), snapshot(state(0, 1, []))], false, /gem went back from change 1 to 0/],
    [[made(2), grant('bob', 2, 0, { units: 2 })], false, /1 change did not reach this page\.$/],
    [[made(1), grant('bob', 2, 0), snapshot(state(2, 0, ['bob']))], true, '1 reached, 1 unit, 1 winner, none twice, none left over.'],
  ]) {
    const found = await account([welcome, ...frames]);
    assert.deepEqual(found.ok, ok, found.text);
    if (typeof text === 'string') assert.equal(found.text, text);
    else assert.match(found.text, text);
  }
});
