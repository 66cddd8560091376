// Every action of the console: the question before it, what it does, and that a question can be left.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { keyArgs, sign } from '../js/helpers/tokens.mjs';
import { asAdmin, keyFlags, openConsole } from './helpers/console.mjs';
import { newRoom, suite } from './helpers/suite.mjs';

/** Players show tokens here, so that there is something to revoke. Chromium logs every refused request. */
const parts = suite({ args: [...await keyFlags(), ...await keyArgs({ after })], except: /status of 4(01|09)/ });

async function roomWith(asset, units, holder) {
  const room = newRoom();
  await asAdmin(parts.server, 'PUT', `/v1/rooms/${room}/assets/${asset}`, { units });
  if (holder) await asAdmin(parts.server, 'POST', `/v1/rooms/${room}/assets/${asset}/select`, { player: holder });
  const operator = await openConsole(parts, { role: 'admin', view: `room/${room}` });
  await operator.live();
  await operator.row('Assets', asset);
  return { room, operator };
}

/** A player's page, with a token. */
async function join(room, player) {
  const query = new URLSearchParams({ room, token: sign({ player, rooms: [room] }) });
  const tab = await parts.browser.open(`${parts.server.url}/?${query}`);
  await tab.connected();
  return tab;
}

const state = async (room, asset) => (await asAdmin(parts.server, 'GET', `/v1/rooms/${room}`)).assets.find((one) => one.asset === asset);

test('create: an asset with its options', async () => {
  const { room, operator } = await roomWith('sword', 1);
  await operator.button('Create asset').click();
  await operator.page.waitForSelector('#question-asset:focus');
  await operator.page.keyboard.type('not a name');
  await operator.page.keyboard.press('Enter');
  await operator.page.locator('dialog .problem', { hasText: 'Name: only A-Z a-z 0-9 _ . : - are allowed.' }).waitFor();
  await operator.page.waitForSelector('#question-asset[aria-invalid=true]:focus');
  await operator.page.fill('#question-asset', 'seat');
  await operator.page.fill('#question-units', '3');
  await operator.page.fill('#question-hold', '30');
  await operator.confirm('seat is there. In the log: request_id ');
  await operator.row('Assets', 'seat', 'hold 30 s', '3 of 3');
  const { units, options } = await state(room, 'seat');
  assert.deepEqual([units, options], [3, { hold_ms: 30_000 }]);
});

test('create: what the server refuses is said in the dialog, which stays', async () => {
  const { operator } = await roomWith('sword', 1);
  await operator.button('Create asset').click();
  await operator.page.fill('#question-asset', 'sword');
  await operator.page.fill('#question-units', '2');
  await operator.dialog.locator('[type=submit]').click();
  await operator.page.locator('dialog .problem', { hasText: 'sword' }).waitFor();
  assert.equal(await operator.page.inputValue('#question-units'), '2');
  await operator.page.fill('#question-units', '1');
  await operator.confirm('sword is there');
});

test('restock: the units are added', async () => {
  const { room, operator } = await roomWith('sword', 1);
  await operator.button('Restock sword').click();
  await operator.page.fill('#question-units', '4');
  await operator.confirm('sword has 4 units more');
  await operator.row('Assets', 'sword', '5 of 5');
  assert.equal((await state(room, 'sword')).units, 5);
});

test('release: for a player, in the room and from the player’s view', async () => {
  const { room, operator } = await roomWith('sword', 2, 'ann');
  await asAdmin(parts.server, 'POST', `/v1/rooms/${room}/assets/sword/select`, { player: 'bob' });
  await operator.button('sword').click();
  await operator.button('Release ann').click();
  await operator.confirm('ann holds sword no longer');
  await operator.noRow('Holders', 'ann');
  await operator.page.getByRole('link', { name: 'bob' }).click();
  await operator.row('Rooms and holdings', room, 'sword');
  await operator.button(`Release sword in ${room}`).click();
  await operator.confirm('bob holds sword no longer');
  await operator.noRow('Rooms and holdings', room);
  assert.equal((await state(room, 'sword')).held, 0);
});

test('reset: everything is whole again', async () => {
  const { room, operator } = await roomWith('sword', 1, 'ann');
  await operator.button('Reset').click();
  await operator.confirm('1 asset reset');
  await operator.row('Assets', 'sword', '1 of 1');
  assert.equal((await state(room, 'sword')).held, 0);
});

test('remove asset: it goes, and the focus stays on the page', async () => {
  const { room, operator } = await roomWith('bow', 1, 'ann');
  await operator.button('Remove bow').click();
  await operator.page.locator('#question-text', { hasText: '1 player holds it' }).waitFor();
  await operator.confirm('bow is removed');
  await operator.noRow('Assets', 'bow');
  assert.equal(await state(room, 'bow'), undefined);
  assert.equal(await operator.page.evaluate(() => document.querySelector('#main').contains(document.activeElement)), true);
});

test('kick: the player’s connections end, and what is held goes if that is asked for', async () => {
  const { room, operator } = await roomWith('sword', 1, 'ann');
  const ann = await join(room, 'ann');
  await operator.row('Players', 'ann');
  await operator.button('Kick ann').click();
  await operator.page.check('#question-release');
  await operator.confirm('ann is kicked, 1 connection here, 1 asset released');
  await ann.connection('closed');
  await operator.noRow('Players', 'ann');
  assert.equal((await state(room, 'sword')).held, 0);
  await operator.button('Kick a player by name').click();
  await operator.page.fill('#question-player', 'nobody');
  await operator.confirm('nobody is kicked, 0 connections here');
});

test('revoke: the tokens of a player end', async () => {
  const { room, operator } = await roomWith('sword', 1);
  const eve = await join(room, 'eve');
  await operator.row('Players', 'eve');
  await operator.page.getByRole('link', { name: 'eve' }).click();
  await operator.row('Rooms and holdings', room, '1 connection', 'nothing');
  await operator.button('Revoke tokens').click();
  await operator.confirm('Tokens of eve are revoked');
  await eve.connection('closed');
});

test('remove room: everybody is disconnected, the console, too', async () => {
  const { room, operator } = await roomWith('sword', 1);
  await operator.button('Remove room').click();
  await operator.page.locator('#question-text', { hasText: '0 players now' }).waitFor();
  await operator.confirm(`${room} is removed`);
  await operator.page.waitForSelector('.pill[data-state=closed]');
  await assert.rejects(asAdmin(parts.server, 'GET', `/v1/rooms/${room}`), /404/);
});

test('a question that is left changes nothing, and gives the focus back', async () => {
  const { room, operator } = await roomWith('sword', 1, 'ann');
  for (const leave of [() => operator.page.keyboard.press('Escape'), () => operator.button('Cancel').click()]) {
    await operator.button('Restock sword').focus();
    await operator.page.keyboard.press('Enter');
    await operator.page.waitForSelector('dialog #question-units:focus');
    await leave();
    await operator.dialog.waitFor({ state: 'detached' });
    assert.equal(await operator.page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Restock sword');
  }
  await operator.button('Remove room').click();
  await operator.page.waitForFunction(() => document.activeElement.textContent === 'Cancel', null, { timeout: 5000 });
  // The focus goes round within the question.
  for (let presses = 0; presses < 5; presses += 1) {
    await operator.page.keyboard.press('Tab');
    const inside = await operator.page.evaluate(() => document.activeElement === document.body || document.querySelector('dialog').contains(document.activeElement));
    assert.equal(inside, true);
  }
  await operator.page.keyboard.press('Escape');
  const { units, held } = await state(room, 'sword');
  assert.deepEqual([units, held], [1, 1]);
});
