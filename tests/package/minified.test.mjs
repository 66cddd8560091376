// The minified file has short names for what nobody sees, so it is tried with the library's own tests.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { ROOT, pack, read } from './helpers/project.mjs';
import { run } from './helpers/tools.mjs';

/** More than this must have a reason. */
const MOST_BYTES_GZIPPED = 7_400;

/** The tests of the library that need no server. */
const SUITES = [
  'arguments', 'clock', 'frames', 'lease-frames', 'lifecycle', 'reconnect', 'requests', 'snapshots', 'tokens', 'wake',
];

test('the minified file passes the tests of the library', async (t) => {
  const { folder } = await pack();
  const files = SUITES.map((suite) => `${suite}.test.mjs`);
  // Without the context of this test, or the tests of another runner would not run.
  const env = { ARBITER_TEST_LIBRARY: join(folder, 'dist/asset-arbiter.min.js'), NODE_TEST_CONTEXT: undefined };
  const said = await run(t, join(ROOT, 'tests/js'), 'node', ['--test', '--test-reporter=spec', ...files], env);
  const [, passed] = said.match(/^ℹ pass (\d+)$/m);
  t.diagnostic(`${passed} tests`);
  assert.ok(passed > 100);
});

test('the minified file exports what the library exports, under the same names', async () => {
  const { folder } = await pack();
  const namesIn = async (file) => {
    const module = await import(join(folder, 'dist', file));
    return { exports: Object.keys(module).sort(), room: Object.getOwnPropertyNames(module.Room.prototype) };
  };
  assert.deepEqual(await namesIn('asset-arbiter.min.js'), await namesIn('index.js'));
});

test('the minified file stays small', async (t) => {
  const { folder } = await pack();
  const size = gzipSync(read(folder, 'dist/asset-arbiter.min.js'), { level: 9 }).length;
  t.diagnostic(`${size} bytes gzipped`);
  assert.ok(size <= MOST_BYTES_GZIPPED, `${size} bytes gzipped, at most ${MOST_BYTES_GZIPPED} are allowed`);
});
