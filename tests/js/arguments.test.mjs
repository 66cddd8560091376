import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ArbiterError, joinRoom } from './helpers/library.mjs';

/** Takes the place of a WebSocket that never connects; it only remembers the address. */
class Nowhere {
  static addresses = [];
  static protocols = [];
  constructor(url, protocols) {
    Nowhere.addresses.push(url);
    Nowhere.protocols.push(protocols);
  }
  send() {}
  close() {}
}

const refused = (call, message) => assert.throws(call, { name: 'TypeError', message });

function addressOf(url, options) {
  const room = joinRoom(url, { WebSocket: Nowhere, ...options });
  room.leave();
  return Nowhere.addresses.at(-1);
}

test('a bad name is refused at once and says what is right', () => {
  for (const room of [undefined, null, 7, '', '.', '..', 'a b', 'a/b', 'é', 'x'.repeat(65)]) {
    refused(() => joinRoom('ws://h', { room, WebSocket: Nowhere }), /^room .*1-64 characters/);
  }
  for (const player of ['', 'a b', 7, '..', 'a/b', 'é', 'x'.repeat(129)]) {
    refused(() => joinRoom('ws://h', { room: 'r', player, WebSocket: Nowhere }), /^player .*1-128 characters/);
  }
  for (const name of ['', ' ', ' Ada', 'Ada\u2003', 'A\nda', 'A\u202eda', 'A\u2028da', 'x'.repeat(65), 7]) {
    refused(() => joinRoom('ws://h', { room: 'r', player: 'ada', name, WebSocket: Nowhere }), /^name [^]*1-64 characters/);
  }
  refused(() => joinRoom('ws://h', { room: 'r', name: 'Ada', WebSocket: Nowhere }), /^name .*give player, too/);
  refused(() => joinRoom('ws://h'), /^room /);
  refused(() => joinRoom('ws://h', { room: 'r', token: 7, WebSocket: Nowhere }), /^token .*this is number$/);
});

test('a token that no subprotocol may carry is refused at once, and not shown', () => {
  for (const token of ['', 'secret token', 'secret,token', 'secret=', 'sécret', 'secret/token', 'secret\n']) {
    assert.throws(() => joinRoom('ws://h', { room: 'r', token, WebSocket: Nowhere }), (error) => {
      assert.match(error.message, /^token must be a string of letters, digits and/);
      return error instanceof TypeError && !/s.cret/.test(error.message);
    });
  }
});

test('a bad address is refused at once and says what is right', () => {
  for (const url of [undefined, null, '', 'example.com', 'null', 'ftp://h', 'ws://h/?a=1', 'http://h/#x', []]) {
    refused(() => joinRoom(url, { room: 'r', WebSocket: Nowhere }), /ws:\/\/127\.0\.0\.1:8080/);
  }
});

test('without any WebSocket class the error says to hand one in', (t) => {
  const kept = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket');
  t.after(() => kept && Object.defineProperty(globalThis, 'WebSocket', kept));
  delete globalThis.WebSocket;
  assert.throws(() => joinRoom('ws://h', { room: 'r' }), { message: /no WebSocket here: hand in a class/ });
});

test('the address is made from the base, the room and who we are', () => {
  assert.equal(addressOf('http://h:1', { room: 'r' }), 'ws://h:1/v1/rooms/r/ws');
  assert.equal(addressOf('https://h', { room: 'a.b:c-d_e', player: 'ada' }), 'wss://h/v1/rooms/a.b:c-d_e/ws?player=ada');
  assert.equal(addressOf('ws://h', { room: 'r', player: 'auth0|5f+a=~@b', name: '安 "&' }),
    'ws://h/v1/rooms/r/ws?player=auth0%7C5f%2Ba%3D%7E%40b&name=%E5%AE%89+%22%26');
  assert.deepEqual(Nowhere.protocols.at(-1), []);
  assert.equal(addressOf(new URL('wss://h/games/'), { room: 'r', player: 'a', token: 'x&y' }),
    'wss://h/games/v1/rooms/r/ws?player=a');
  assert.deepEqual(Nowhere.protocols.at(-1), ['asset-arbiter.v1', 'bearer.x&y']);
});

test('a bad asset name is refused without being sent', async () => {
  const room = joinRoom('ws://h', { room: 'r', WebSocket: Nowhere });
  await assert.rejects(room.select('a b'), { name: 'TypeError', message: /^asset "a b" is not a name/ });
  await assert.rejects(room.release(''), { name: 'TypeError' });
  room.leave();
});

test('an unknown event is refused and the known ones are named', () => {
  const room = joinRoom('ws://h', { room: 'r', WebSocket: Nowhere });
  assert.throws(() => room.on('grant', () => {}), { name: 'TypeError', message: /use one of granted, released/ });
  assert.throws(() => room.on('toString', () => {}), TypeError);
  room.leave();
});

test('leaving rejects what waits and what comes later, with the code "left"', async () => {
  const room = joinRoom('ws://h', { room: 'r', player: 'ada', WebSocket: Nowhere });
  const states = [];
  room.on('state', (state) => states.push(state));
  const waiting = room.select('sword');
  room.leave();
  room.leave();
  const left = (error) => error instanceof ArbiterError && error.code === 'left' && !error.temporary;
  await assert.rejects(waiting, left);
  await assert.rejects(room.ready, left);
  await assert.rejects(room.release('sword'), left);
  await assert.rejects(room.sync(), left);
  assert.equal(room.state, 'closed');
  assert.deepEqual(states, [{ state: 'closed', code: 1000, reason: 'left' }]);
});
