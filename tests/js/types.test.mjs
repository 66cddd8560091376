import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { require } from './helpers/deps.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');

test('the library passes the strict type check, without the types of a page or of Node', () => {
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', join(here, 'tsconfig.json')], { encoding: 'utf8' });
  assert.equal(status, 0, stdout);
});
