import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MOST, cut, types, withClock } from './helpers/clock.mjs';

const unknown = ({ request_id }) => ({ type: 'error', code: 'outcome_unknown', message: '', request_id, temporary: true });

test('failure after failure is waited for longer, up to about 10 s', () => withClock(({ sockets, tick, latest }) => {
  const delays = [];
  for (let failure = 0; failure < 9; failure += 1) {
    sockets.at(-1).onclose(cut);
    delays.push(latest().retryInMs);
    tick(delays.at(-1) - 1);
    assert.equal(sockets.length, failure + 1);
    tick(2);
    assert.equal(sockets.length, failure + 2);
  }
  assert.deepEqual(delays, [100, 500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
}, { random: () => MOST }));

test('a backoff is at least half of its longest', () => withClock(({ sockets, latest }) => {
  sockets[0].onclose({ code: 1012, reason: '' });
  assert.equal(latest().retryInMs, 125);
}));

test('a server that welcomes and drops at once is not stormed', () => withClock(({ sockets, tick, latest }) => {
  const delays = [];
  for (let round = 0; round < 4; round += 1) {
    sockets.at(-1).welcome();
    tick(900);
    sockets.at(-1).onclose(cut);
    delays.push(latest().retryInMs);
    tick(latest().retryInMs + 1);
  }
  assert.deepEqual(delays, [0, 250, 500, 1000]);
}));

test('after a connection that lasted, the next drop is a first one again', () => withClock(({ sockets, tick, latest }) => {
  sockets[0].onclose(cut);
  tick(1);
  sockets[1].onclose(cut);
  tick(latest().retryInMs);
  sockets[2].welcome();
  tick(1_000);
  sockets[2].onclose(cut);
  assert.equal(latest().retryInMs, 0);
}));

test('a failure that is told by an error alone counts as a close', () => withClock(({ sockets, tick, latest }) => {
  sockets[0].onerror({});
  assert.equal(latest(), undefined);
  tick(100);
  assert.deepEqual([latest().state, latest().code], ['connecting', 1006]);
}));

test('an error followed by its close counts once', () => withClock(({ sockets, tick, latest }) => {
  sockets[0].onerror({});
  sockets[0].onclose({ code: 4113, reason: '{"code":4113,"retry_after_ms":5000}' });
  const first = latest();
  tick(4_950);
  assert.equal(latest(), first);
  assert.deepEqual([first.code, first.reason, first.retryInMs], [4113, 'full', 5000]);
}));

test('a connection that is never welcomed is given up after 10 s', () => withClock(({ sockets, tick, latest }) => {
  tick(9_999);
  assert.equal(latest(), undefined);
  tick(2);
  assert.equal(latest().reason, 'no welcome in time');
  tick(1);
  assert.equal(sockets.length, 2);
}));

test('an absurd retry_after_ms does not overflow a timer', () => withClock(({ sockets, latest }) => {
  sockets[0].onclose({ code: 4100, reason: '{"code":4100,"retry_after_ms":1e300}' });
  assert.equal(latest().retryInMs, 3_600_000);
}));

test('a class that throws is a failed connection, not a lost room', () => {
  class Refusing {
    constructor() { throw new Error('mixed content'); }
  }
  withClock(({ tick, latest }) => {
    tick(1);
    assert.equal(latest().reason, 'cannot connect: mixed content');
  }, { WebSocket: Refusing });
});

test('a silent connection is asked for a sign of life, and one is enough', () => withClock(({ sockets, tick, latest }) => {
  sockets[0].welcome();
  tick(29_000);
  assert.deepEqual(sockets[0].sent, []);
  tick(2_000);
  assert.deepEqual(types(sockets[0]), ['ping']);
  tick(8_000);
  sockets[0].hear({ type: 'pong', request_id: 'alive', server_time: 0 });
  tick(20_000);
  assert.equal(latest().state, 'connected');
}));

test('a connection without a sign of life is left and a new one resumes', () => withClock(({ sockets, tick, latest }) => {
  sockets[0].welcome();
  tick(43_000);
  assert.deepEqual([latest().state, latest().code, latest().reason], ['reconnecting', 1006, 'no sign of life']);
  assert.match(sockets[1].url, /epoch=E1&offset=10$/);
  assert.equal(sockets[0].onmessage, null, 'a late frame of the dead connection must not be heard');
}));

test('with a request unanswered, silence is suspicious sooner', () => withClock(({ room, sockets, tick, latest }) => {
  sockets[0].welcome();
  room.select('sword', { timeoutMs: Infinity }).catch(() => {});
  tick(5_000);
  assert.deepEqual(types(sockets[0]), ['select_asset']);
  tick(3_000);
  assert.deepEqual(types(sockets[0]), ['select_asset', 'ping']);
  tick(11_000);
  assert.equal(latest().reason, 'no sign of life');
  sockets[1].welcome({ recovered: true });
  assert.deepEqual(sockets[1].sent, sockets[0].sent.slice(0, 1), 'and the request is repeated as it was');
}));

test('frames are a sign of life: a busy connection is never asked', () => withClock(({ sockets, tick }) => {
  sockets[0].welcome();
  for (let second = 0; second < 100; second += 10) {
    sockets[0].hear({ type: 'players', offset: 11 + second, players: 1 });
    tick(10_000);
  }
  assert.deepEqual(sockets[0].sent, []);
}));

test('never more than 64 requests are under way', () => withClock(({ room, sockets }) => {
  for (let n = 0; n < 200; n += 1) room.select(`a${n}`).catch(() => {});
  assert.equal(sockets[0].sent.length, 0);
  sockets[0].welcome();
  assert.equal(sockets[0].sent.length, 64);
  const answer = { type: 'selection', request_id: sockets[0].sent[0].request_id, asset: 'a0', granted: true, revision: 1 };
  for (let twice = 0; twice < 2; twice += 1) sockets[0].hear(answer);
  assert.equal(sockets[0].sent.length, 65, 'one answer frees one place, also when it comes twice');
}));

test('an unknown outcome is asked again, ever later and not for ever', async () => {
  let refused;
  withClock(({ room, sockets, tick }) => {
    sockets[0].welcome();
    refused = room.select('sword');
    const { sent } = sockets[0];
    for (const delay of [125, 250, 500, 1000, 2000]) {
      const before = sent.length;
      sockets[0].hear(unknown(sent[0]));
      tick(delay - 1);
      assert.equal(sent.length, before);
      tick(1);
      assert.deepEqual(sent.at(-1), sent[0]);
    }
    assert.equal(sent.length, 6);
    sockets[0].hear(unknown(sent[0]));
  });
  await assert.rejects(refused, { code: 'outcome_unknown', temporary: true });
});

test('a sync that is refused again and again is given up in the end', async () => {
  let refused;
  withClock(({ room, sockets, tick }) => {
    sockets[0].welcome();
    refused = room.sync();
    const { sent } = sockets[0];
    const { request_id } = sent[0];
    for (let time = 1; time <= 6; time += 1) {
      assert.equal(sent.length, time);
      sockets[0].hear({ type: 'error', code: 'rate_limited', message: '', request_id, temporary: true });
      tick(1_050);
      assert.equal(sent.length, time);
      tick(50);
    }
    assert.equal(sent.length, 6);
  });
  await assert.rejects(refused, { code: 'rate_limited', temporary: true });
});

/** A room where others go on all the time, for so long. */
const hum = ({ sockets, tick }, seconds) => {
  for (let second = 0; second < seconds; second += 1) {
    tick(1_000);
    sockets[0].hear({ type: 'players', offset: 11 + second, players: 1 });
  }
};

test('an answer that never comes on a connection that lives is asked for again, and not for ever', async () => {
  let refused;
  withClock((all) => {
    all.sockets[0].welcome();
    refused = all.room.select('sword', { timeoutMs: Infinity });
    const { sent } = all.sockets[0];
    hum(all, 29);
    assert.equal(sent.length, 1);
    hum(all, 2);
    assert.deepEqual(sent[1], sent[0]);
    hum(all, 130);
    assert.equal(sent.length, 5);
    all.sockets[0].hear({ type: 'selection', request_id: sent[0].request_id, asset: 'sword', granted: true, revision: 1 });
  });
  await assert.rejects(refused, { code: 'outcome_unknown', temporary: true });
});

test('an error that names no request may have been an answer: what has none is asked again soon', async () => {
  let result;
  withClock((all) => {
    const errors = [];
    all.room.on('error', (error) => errors.push(error));
    all.sockets[0].welcome();
    result = all.room.select('sword');
    const { sent } = all.sockets[0];
    all.sockets[0].hear({ type: 'error', code: 'bad_message', message: '', temporary: false });
    assert.equal(errors.length, 1);
    hum(all, 3);
    assert.deepEqual(sent, [sent[0], sent[0]]);
    all.sockets[0].hear({ type: 'selection', request_id: sent[0].request_id, asset: 'sword', granted: true, revision: 1 });
  });
  assert.equal((await result).granted, true);
});

test('an answer to an earlier sending ends the repeating', () => withClock(({ room, sockets, tick }) => {
  sockets[0].welcome();
  room.select('sword').catch(() => {});
  const { sent } = sockets[0];
  sockets[0].hear(unknown(sent[0]));
  sockets[0].hear(unknown(sent[0]));
  sockets[0].hear({ type: 'selection', request_id: sent[0].request_id, asset: 'sword', granted: true, revision: 1 });
  tick(5_000);
  assert.equal(sent.length, 1);
}));

test('a drop while an unknown outcome waits: repeated once, after it', () => withClock(({ room, sockets, tick }) => {
  sockets[0].welcome();
  room.select('sword').catch(() => {});
  const { request_id } = sockets[0].sent[0];
  sockets[0].hear(unknown({ request_id }));
  sockets[0].onclose(cut);
  tick(1);
  sockets[1].welcome({ recovered: true });
  sockets[1].hear({ type: 'selection', request_id, asset: 'sword', granted: true, revision: 1 });
  tick(5_000);
  assert.deepEqual([sockets[0].sent.length, sockets[1].sent.length], [1, 1]);
}));
