import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newRoom, suite } from './helpers/suite.mjs';

const parts = suite();

test('a connection that is cut right after a grab was sent brings the same answer back, once', async () => {
  const room = newRoom();
  const [ada, bob] = await Promise.all(['ada', 'bob'].map((player) => parts.browser.join(parts.server, room, player)));
  const sockets = [];
  ada.page.on('websocket', (socket) => {
    const frames = { sent: [], received: [] };
    sockets.push(frames);
    socket.on('framesent', ({ payload }) => frames.sent.push(JSON.parse(payload)));
    socket.on('framereceived', ({ payload }) => frames.received.push(JSON.parse(payload)));
  });
  await ada.page.reload();
  await ada.connected();
  await ada.page.click('#cut');
  const last = /^The same answer: the \w+ is yours\. It was granted before the cut, once, and not again\.$/;
  await ada.page.locator('#cut-steps li', { hasText: last }).waitFor();
  const steps = await ada.page.locator('#cut-steps li').allTextContents();
  assert.match(steps[0], /^Asked for the \w+\. Connection cut before the answer\.$/);
  assert.match(steps[1], /^Back after [\d.]+ m?s\.$/);
  assert.equal(steps[2], 'Asked again.');
  const asset = steps[0].match(/the (\w+)/)[1];

  const [first, second] = sockets.map(({ sent }) => sent.filter(({ type }) => type === 'select_asset'));
  assert.deepEqual([first.length, second.length], [1, 1]);
  assert.deepEqual(first, second, 'the same request, on another connection');
  const answer = sockets[1].received.find(({ type }) => type === 'selection');
  assert.deepEqual([answer.granted, answer.already_held], [true, true]);
  assert.deepEqual(await parts.server.holders(room, asset), ['ada']);
  await ada.cardIs(asset, 'mine');
  assert.equal(await ada.text('#wins'), '1', 'one win, although it was asked twice');
  await bob.fed(`ada took ${asset}`);
  assert.equal(await bob.page.locator('#feed .line', { hasText: `ada took ${asset}` }).count(), 1);
});

test('in a race the cut grabs of the race, and says when there is nothing to grab', async () => {
  const ada = await parts.browser.join(parts.server, newRoom(), 'ada');
  await ada.race();
  await ada.page.click('#cut');
  await ada.page.locator('#cut-steps li', { hasText: 'The same answer' }).waitFor();
  assert.equal(await ada.page.locator('#race-cards .card[data-state=mine]').count(), 1);
  for (const asset of await ada.page.$$eval('.card[data-state=open]', (cards) => cards.map((card) => card.dataset.asset))) {
    await ada.grab(asset);
    await ada.cardIs(asset, 'mine');
  }
  await ada.page.waitForSelector('#cut[aria-disabled=true]');
  assert.equal(await ada.text('#cut-note'), 'Nothing is left to grab.');
});
