// Player tokens in virtual time: when the function is called, when a token is renewed, and what ends a room.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cut, MOST, pong, settled, types, withClock } from './helpers/clock.mjs';
import { withPage } from './helpers/page.mjs';
import { giver, sign } from './helpers/tokens.mjs';

const MINUTE = 60_000;
const DAY = 86_400_000;

/** A room in virtual time whose token the function `token` gives. */
const withTokens = (token, body, options) => withClock(async (scene) => {
  const errors = [];
  scene.room.on('error', (error) => errors.push(error));
  await settled();
  return body({ ...scene, errors });
}, { token, ...options });

const refreshes = (socket) => socket.sent.filter(({ type }) => type === 'refresh');
const bearer = ({ protocols }) => protocols[1];

/** Answers the last refresh of a socket. */
const refreshed = (socket, ttl) =>
  socket.hear({ type: 'refreshed', request_id: refreshes(socket).at(-1).request_id, token_ttl_ms: ttl });

/** Lets time pass in small steps, so that promises settle in between. */
async function pass(tick, ms) {
  for (let left = ms; left > 0; left -= 50) {
    tick(Math.min(left, 50));
    await settled();
  }
}

/** Sleeps, and lets the connection survive it. */
async function sleepThrough({ sleep, tick, sockets }, ms) {
  sleep(ms);
  await pass(tick, 1_000);
  pong(sockets.at(-1));
}

for (const [ttl, due] of [[2_000, 1_500], [MINUTE, 45_000], [10 * MINUTE, 9 * MINUTE]]) {
  test(`a token of ${ttl} ms is renewed after ${due} ms, and then again`, () => {
    const token = giver((n) => `t${n}`);
    return withTokens(token, async ({ sockets, tick }) => {
      assert.deepEqual(sockets[0].protocols, ['asset-arbiter.v1', 'bearer.t1']);
      sockets[0].welcome({ token_ttl_ms: ttl, ping_interval_ms: DAY });
      for (let round = 1; round <= 3; round += 1) {
        await pass(tick, due - 50);
        assert.equal(refreshes(sockets[0]).length, round - 1);
        await pass(tick, 50);
        const { request_id, ...last } = refreshes(sockets[0]).at(-1);
        assert.deepEqual(last, { type: 'refresh', token: `t${round + 1}` });
        assert.equal(request_id, `token-${round}`);
        refreshed(sockets[0], ttl);
      }
      assert.deepEqual([sockets.length, token.calls], [1, 4]);
    });
  });
}

test('jitter makes a renewal earlier, by at most half of what is left then', () => {
  return withTokens(giver((n) => `t${n}`), async ({ sockets, tick }) => {
    sockets[0].welcome({ token_ttl_ms: 10 * MINUTE, ping_interval_ms: DAY });
    await pass(tick, 8.5 * MINUTE - 50);
    assert.equal(refreshes(sockets[0]).length, 0);
    await pass(tick, 100);
    assert.equal(refreshes(sockets[0]).length, 1);
  }, { random: () => MOST });
});

test('a token of 30 days is renewed a minute before its end, and no timer is too long for it', () => {
  return withTokens(giver((n) => `t${n}`), async (scene) => {
    const { sockets, tick } = scene;
    const [set, delays] = [globalThis.setTimeout, []];
    globalThis.setTimeout = (run, ms, ...given) => {
      delays.push(ms);
      return set(run, ms, ...given);
    };
    try {
      sockets[0].welcome({ token_ttl_ms: 30 * DAY });
      await pass(tick, 5_000);
      await sleepThrough(scene, 30 * DAY - MINUTE - 10_000);
      assert.equal(refreshes(sockets[0]).length, 0);
      await pass(tick, 5_000);
      assert.equal(refreshes(sockets[0]).length, 1);
      assert.ok(delays.length > 5 && Math.max(...delays) <= 1_000, `${Math.max(...delays)}`);
    } finally {
      globalThis.setTimeout = set;
    }
  });
});

test('one renewal is under way, however long the function or the server takes', () => {
  const gives = [];
  const token = giver((n) => (n === 1 ? 't1' : new Promise((give) => gives.push(give))));
  return withTokens(token, async ({ room, sockets, tick }) => {
    sockets[0].welcome({ token_ttl_ms: 8_000 });
    await pass(tick, 20_000);
    assert.deepEqual([token.calls, refreshes(sockets[0]).length], [2, 0]);
    gives[0]('t2');
    await pass(tick, 5_000);
    room.ping().catch(() => {});
    pong(sockets[0]);
    await pass(tick, 5_000);
    assert.deepEqual([token.calls, refreshes(sockets[0]).length], [2, 1]);
  });
});

test('a renewal without an answer is repeated after 30 seconds', () => {
  return withTokens(giver((n) => `t${n}`), async ({ sockets, tick }) => {
    sockets[0].welcome({ token_ttl_ms: 8_000, ping_interval_ms: DAY });
    await pass(tick, 6_000 + 29_900);
    assert.equal(refreshes(sockets[0]).length, 1);
    await pass(tick, 1_500);
    assert.deepEqual(refreshes(sockets[0]).map(({ token }) => token), ['t2', 't3']);
  });
});

test('an answer that belongs to an earlier connection is ignored', () => {
  return withTokens(giver((n) => `t${n}`), async ({ sockets, tick, errors }) => {
    sockets[0].welcome({ token_ttl_ms: 8_000 });
    await pass(tick, 6_000);
    const [{ request_id }] = refreshes(sockets[0]);
    sockets[0].onclose(cut);
    await pass(tick, 50);
    sockets[1].welcome({ token_ttl_ms: 8_000 });
    sockets[1].hear({ type: 'refreshed', request_id, token_ttl_ms: 10 * MINUTE });
    sockets[1].hear({ type: 'error', request_id, code: 'forbidden', message: '', temporary: false });
    await pass(tick, 6_000);
    assert.equal(refreshes(sockets[1]).length, 1, 'renewed as its own welcome says');
    sockets[1].hear({ type: 'refreshed', request_id, token_ttl_ms: 10 * MINUTE });
    refreshed(sockets[1], 4_000);
    await pass(tick, 3_000);
    assert.equal(refreshes(sockets[1]).length, 2);
    assert.deepEqual(errors, []);
  });
});

test('a token that comes when its connection is gone is not sent on the next one', () => {
  let give;
  const token = giver((n) => (n === 2 ? new Promise((resolve) => { give = resolve; }) : `t${n}`));
  return withTokens(token, async ({ sockets, tick }) => {
    sockets[0].welcome({ token_ttl_ms: 10 * MINUTE, ping_interval_ms: DAY });
    await pass(tick, 9 * MINUTE);
    sockets[0].onclose(cut);
    await pass(tick, 50);
    assert.equal(bearer(sockets[1]), 'bearer.t1', 'which has a minute left');
    sockets[1].welcome({ token_ttl_ms: 59_000, ping_interval_ms: DAY });
    give('t2');
    await pass(tick, 100);
    assert.deepEqual([types(sockets[0]), types(sockets[1])], [[], []]);
    await pass(tick, 50_000);
    assert.equal(refreshes(sockets[1]).length, 1);
  });
});

test('a function that fails is called again with a backoff, and said to fail once', () => {
  let failing = false;
  const token = giver((n) => (failing ? Promise.reject(new Error('secret')) : `t${n}`));
  return withTokens(token, async ({ sockets, tick, errors, states }) => {
    sockets[0].welcome({ token_ttl_ms: MINUTE, ping_interval_ms: DAY });
    for (let outage = 1; outage <= 2; outage += 1) {
      failing = true;
      const before = token.calls;
      await pass(tick, 45_000 + 14_000);
      const tries = token.calls - before;
      assert.ok(tries >= 4 && tries <= 9, `${tries} in 14 s`);
      assert.equal(errors.length, outage);
      assert.deepEqual([errors.at(-1).code, errors.at(-1).temporary], ['token_unavailable', true]);
      assert.doesNotMatch(errors.at(-1).message, /secret/);
      failing = false;
      await pass(tick, 10_000);
      assert.equal(refreshes(sockets[0]).length, outage);
      refreshed(sockets[0], MINUTE);
    }
    assert.deepEqual([sockets.length, states.length], [1, 1]);
  });
});

test('a function that fails before a connection leaves it waiting, with a backoff', () => {
  const token = giver((n) => {
    if (n < 6) throw new Error('secret');
    return 't';
  });
  return withTokens(token, async ({ room, sockets, tick, errors, states }) => {
    assert.deepEqual([token.calls, sockets.length, room.state], [1, 0, 'connecting']);
    await pass(tick, 125 + 250 + 500 + 1_000 + 2_000 + 300);
    assert.equal(sockets.length, 1);
    sockets[0].welcome({ token_ttl_ms: MINUTE });
    assert.equal(errors.length, 1);
    assert.deepEqual(states.map(([, { state, reason, retryInMs }]) => [state, reason, retryInMs]), [
      ...[125, 250, 500, 1_000, 2_000].map((ms) => ['connecting', 'no token', ms]), ['connected', undefined, undefined],
    ]);
  });
});

test('a function that gives nothing for 30 seconds has failed, and what it gives later is ignored', () => {
  const gives = [];
  const token = giver(() => new Promise((give) => gives.push(give)));
  return withTokens(token, async ({ sockets, tick, errors }) => {
    await pass(tick, 29_000);
    assert.deepEqual([token.calls, errors.length], [1, 0]);
    await pass(tick, 2_500);
    assert.deepEqual([token.calls, errors.map(({ code }) => code)], [2, ['token_unavailable']]);
    gives[0]('too late');
    await pass(tick, 100);
    assert.equal(sockets.length, 0);
    gives[1]('t2');
    await settled();
    assert.equal(bearer(sockets[0]), 'bearer.t2');
  });
});

test('a renewal that is due when the page wakes happens at once', () => withPage((page) => {
  return withTokens(giver((n) => `t${n}`), async ({ sockets, sleep }) => {
    sockets[0].welcome({ token_ttl_ms: 10 * MINUTE });
    sleep(9 * MINUTE);
    page.online();
    await settled();
    assert.deepEqual(types(sockets[0]), ['ping', 'refresh']);
  });
}));

test('a renewal that is due after a sleep happens with the first timer', () => {
  return withTokens(giver((n) => `t${n}`), async ({ sockets, tick, sleep }) => {
    sockets[0].welcome({ token_ttl_ms: 10 * MINUTE });
    sleep(9 * MINUTE, { wall: true });
    await pass(tick, 1_000);
    assert.deepEqual(types(sockets[0]), ['ping', 'refresh']);
  });
});

test('after a sleep on a dead connection the next one has a new token', () => {
  const tokens = [];
  const token = giver((n) => (tokens[n] = sign({ jti: `t${n}` })));
  return withTokens(token, async ({ sockets, tick, sleep }) => {
    sockets[0].welcome({ token_ttl_ms: 10 * MINUTE });
    sleep(DAY);
    await pass(tick, 2_100);
    assert.deepEqual(types(sockets[0]), ['ping', 'refresh']);
    assert.deepEqual([token.calls, bearer(sockets[1])], [2, `bearer.${tokens[2]}`]);
  });
});

test('a token with half of its life or 30 seconds left is used for the next connections, too', () => {
  const token = giver((n) => `t${n}`);
  return withTokens(token, async ({ sockets, tick }) => {
    const reconnect = async () => {
      sockets.at(-1).onclose(cut);
      await pass(tick, 50);
    };
    sockets[0].welcome({ token_ttl_ms: 40_000 });
    await pass(tick, 9_000);
    await reconnect();
    sockets[1].welcome({ token_ttl_ms: 31_000 });
    await pass(tick, 2_000);
    await reconnect();
    assert.deepEqual(sockets.map(bearer), ['bearer.t1', 'bearer.t1', 'bearer.t1'], '29 s are more than half');
    sockets[2].welcome({ token_ttl_ms: 29_000 });
    await pass(tick, 10_000);
    await reconnect();
    assert.deepEqual([token.calls, bearer(sockets[3])], [2, 'bearer.t2'], '19 s are not');
  });
});

test('attempts without a welcome use a JWT until half of its life', () => {
  const token = giver(() => sign({ life: 24 }));
  return withTokens(token, async ({ sockets, tick }) => {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      sockets.at(-1).onclose(cut);
      await pass(tick, 2_050);
    }
    assert.equal(sockets.length, 6);
    assert.equal(token.calls, 1);
    sockets.at(-1).onclose(cut);
    await pass(tick, 4_050);
    assert.deepEqual([sockets.length, token.calls], [7, 2]);
  });
});

test('after 4102 a room asks for another token, at once the first time, then with a backoff', () => {
  const token = giver((n) => `t${n}`);
  return withTokens(token, async ({ sockets, tick, states, errors }) => {
    const expire = () => sockets.at(-1).onclose({ code: 4102, reason: '{"code":4102,"retry_after_ms":700}' });
    sockets[0].welcome({ token_ttl_ms: MINUTE });
    await pass(tick, 2_000);
    for (const ms of [0, 250, 500]) {
      expire();
      const { code, reason, retryInMs } = states.at(-1)[1];
      assert.deepEqual([code, reason, retryInMs], [4102, 'token_expired', ms]);
      await pass(tick, ms + 50);
    }
    assert.deepEqual(sockets.map(bearer), ['bearer.t1', 'bearer.t2', 'bearer.t3', 'bearer.t4']);
    sockets[3].welcome({ token_ttl_ms: MINUTE });
    await pass(tick, 2_000);
    expire();
    assert.equal(states.at(-1)[1].retryInMs, 0, 'at once after a connection that lasted');
    assert.deepEqual(errors, []);
  });
});

test('a token that the server cannot verify at present is sent again, without another call', () => {
  const token = giver(() => sign({ life: 600 }));
  return withTokens(token, async ({ sockets, tick, errors }) => {
    sockets[0].welcome({ token_ttl_ms: MINUTE, ping_interval_ms: DAY });
    await pass(tick, 45_000);
    for (let refusals = 1; refusals <= 3; refusals += 1) {
      const { request_id } = refreshes(sockets[0]).at(-1);
      sockets[0].hear({ type: 'error', request_id, code: 'store_unavailable', message: '', temporary: true });
      await pass(tick, 1_000);
      assert.equal(refreshes(sockets[0]).length, refusals + 1);
    }
    assert.deepEqual([token.calls, errors], [2, []]);
  });
});

test('a renewal that is refused for good is told and not repeated', () => {
  return withTokens(giver((n) => `t${n}`), async ({ sockets, tick, errors }) => {
    sockets[0].welcome({ token_ttl_ms: 8_000, ping_interval_ms: DAY });
    await pass(tick, 6_000);
    const [{ request_id }] = refreshes(sockets[0]);
    const refusal = { code: 'forbidden', message: 'no', temporary: false };
    sockets[0].hear({ type: 'error', request_id, ...refusal });
    await pass(tick, MINUTE);
    assert.deepEqual([errors, refreshes(sockets[0]).length], [[refusal], 1]);
  });
});

test('a function that gives the same token for ever is called ever less often', () => {
  const token = giver(() => 'same');
  return withTokens(token, async ({ sockets, tick }) => {
    sockets[0].welcome({ token_ttl_ms: 0, ping_interval_ms: DAY });
    for (let ms = 0, answered = 0; ms < 25_000; ms += 50) {
      await pass(tick, 50);
      if (refreshes(sockets[0]).length === answered) continue;
      answered += 1;
      refreshed(sockets[0], 0);
    }
    assert.ok(token.calls >= 5 && token.calls <= 12, `${token.calls} calls in 25 s`);
  });
});

for (const [what, wrong] of [['nothing', undefined], ['an object', {}], ['a text with spaces', 'secret token']]) {
  test(`a function that gives ${what} ends the room`, () => {
    return withTokens(giver(() => wrong), async ({ room, sockets, tick, errors, latest }) => {
      await assert.rejects(room.ready, { name: 'ArbiterError', code: 'unauthorized', message: /^token must be a string/ });
      assert.equal(errors.length, 1);
      assert.deepEqual([errors[0].code, errors[0].temporary, latest().state], ['unauthorized', false, 'closed']);
      assert.doesNotMatch(errors[0].message, /secret/);
      await pass(tick, MINUTE);
      assert.equal(sockets.length, 0);
    });
  });
}

test('a renewal with what is no token ends the room', () => {
  return withTokens(giver((n) => (n === 1 ? 't1' : null)), async ({ room, sockets, tick, errors }) => {
    sockets[0].welcome({ token_ttl_ms: 8_000 });
    await pass(tick, 6_000);
    assert.deepEqual([room.state, sockets[0].closed, errors.map(({ temporary }) => temporary)], ['closed', 1000, [false]]);
  });
});

test('a server that asks for no token is sent none on the connection', () => {
  const token = giver((n) => `t${n}`);
  return withTokens(token, async ({ sockets, tick }) => {
    sockets[0].welcome({ ping_interval_ms: DAY });
    await pass(tick, 2 * MINUTE);
    assert.deepEqual([types(sockets[0]), token.calls], [[], 1]);
  });
});

test('a static token is not renewed, and its end is the end of the room', () => withClock(async (scene) => {
  const { room, sockets, tick, latest } = scene;
  const errors = [];
  room.on('error', (error) => errors.push(error));
  sockets[0].welcome({ token_ttl_ms: 8_000 });
  await pass(tick, 10_000);
  assert.deepEqual(types(sockets[0]), []);
  sockets[0].onclose({ code: 4102, reason: '{"code":4102,"retry_after_ms":700}' });
  assert.deepEqual([latest().state, latest().code, latest().reason], ['closed', 4102, 'token_expired']);
  assert.deepEqual(errors.map(({ code, temporary }) => [code, temporary]), [['token_expired', false]]);
  await pass(tick, MINUTE);
  assert.equal(sockets.length, 1);
  await assert.rejects(room.select('sword'), { code: 'token_expired' });
}, { token: 'once' }));

test('a room that was left, or whose page is frozen, opens no connection when its token comes', () => withPage((page) => {
  let give;
  const token = giver((n) => (n === 1 ? new Promise((resolve) => { give = resolve; }) : `t${n}`));
  return withTokens(token, async ({ room, sockets, tick }) => {
    page.freeze();
    give(sign());
    await pass(tick, 1_000);
    assert.equal(sockets.length, 0);
    page.resume();
    assert.equal(sockets.length, 1, 'with the token that came meanwhile');
    sockets[0].welcome({ token_ttl_ms: 8_000 });
    room.leave();
    await pass(tick, MINUTE);
    assert.deepEqual([sockets.length, token.calls, types(sockets[0])], [1, 1, []]);
  });
}));

test('the function may use the room, because it is called after joinRoom has returned', () => {
  const seen = [];
  const token = () => {
    seen.push('called');
    return 't';
  };
  const done = withTokens(token, async () => assert.deepEqual(seen, ['joined', 'called']));
  seen.push('joined');
  return done;
});
