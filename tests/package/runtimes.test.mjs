// The README's lines from the packed package, where there is no page.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { startArbiter } from './helpers/arbiter.mjs';
import { project } from './helpers/project.mjs';
import { WON, admin, asFunction, lines } from './helpers/readme.mjs';
import { run } from './helpers/tools.mjs';

const asCommonJs = (url) => `${asFunction(url).replace(/import (.*) from (.*);/, 'const $1 = require($2);')}play();\n`;

for (const [name, file, code, tool, args] of [
  ['Node, as an ES module', 'play.js', lines, 'node', []],
  ['Node, as CommonJS', 'play.cjs', asCommonJs, 'node', []],
  ['Deno', 'play.js', lines, 'deno', ['run', '--allow-net', '--node-modules-dir=manual']],
  ['Bun', 'play.js', lines, 'bun', ['run']],
  ['Bun, as CommonJS', 'play.cjs', asCommonJs, 'bun', ['run']],
]) {
  test(`${name} plays the README's lines and ends`, async (t) => {
    const { server, url } = await startArbiter(t);
    const folder = await project(t, { [file]: code(url) });
    assert.match(await run(t, folder, tool, [...args, file], { DENO_DIR: `${folder}/.deno` }), WON);
    assert.deepEqual(await server.holders('arena', 'sword'), []);
  });
}

test('the game\'s own server creates, restocks and removes with the admin key', async (t) => {
  const folder = await project(t);
  const key = join(folder, 'admin.key');
  await writeFile(key, 'the-key-of-this-test', { mode: 0o600 });
  const { url } = await startArbiter(t, ['--admin-key-file', key]);
  const calls = `
    import { ArbiterError } from "asset-arbiter";
    const codeOf = (call) => call.then((answer) => answer.units, (error) => error instanceof ArbiterError ? error.code : error.name);
    const at = (key, url = "${url}") => new Admin(url, { key, timeoutMs: 2_000 });
    const good = at(process.env.ASSET_ARBITER_ADMIN_KEY);
    console.log(JSON.stringify([
      await codeOf(good.create("r", "hat", 3)), await codeOf(good.create("r", "hat", 3)), await codeOf(good.create("r", "hat", 4)),
      await codeOf(good.restock("r", "hat", 2, { revision: 9 })), await codeOf(good.restock("r", "hat", 2, { revision: 0 })),
      await codeOf(at("another-key-that-is-wrong").create("r", "hat", 3)), await codeOf(good.remove("r", "..")),
      await codeOf(good.removeRoom("r").then(() => ({ units: "gone" }))), await codeOf(good.removeRoom("r")),
      await codeOf(at("k", "http://127.0.0.1:1").create("r", "hat", 3)),
    ]));`;
  await writeFile(join(folder, 'admin.js'), admin(url) + calls);
  const said = await run(t, folder, 'node', ['admin.js'], { ASSET_ARBITER_ADMIN_KEY: 'the-key-of-this-test' });
  assert.deepEqual(JSON.parse(said), [
    3, 3, 'conflict', 'conflict', 5, 'unauthorized', 'TypeError', 'gone', 'unknown_room', 'unreachable',
  ]);
});
