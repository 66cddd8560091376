// Every block of docs/recipes.md against a real server: the commands, the programs, and what they print.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { startServer } from './helpers/server.mjs';
import { within } from './helpers/wait.mjs';

const local = (path) => fileURLToPath(new URL(path, import.meta.url));
const PAGE = await readFile(local('../../docs/recipes.md'), 'utf8');
const [, ...RECIPES] = PAGE.split(/^## /m).map((text) => ({
  title: text.split('\n', 1)[0],
  blocks: [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, code]) => ({ language, code })),
}));
/** A refusal ends a block of commands. */
const SHELL = 'set -euo pipefail; curl() { command curl -sS --fail-with-body "$@"; }\n';

/** A folder in which `asset-arbiter` is the library under test. */
async function project(t) {
  const folder = await mkdtemp(join(tmpdir(), 'arbiter-recipes-'));
  t.after(() => rm(folder, { recursive: true }));
  const library = join(folder, 'node_modules', 'asset-arbiter');
  await mkdir(library, { recursive: true });
  const exported = { '.': './index.js', './admin': './admin.js' };
  await writeFile(join(library, 'package.json'), JSON.stringify({ type: 'module', exports: exported }));
  await copyFile(local('../../static/asset-arbiter.js'), join(library, 'index.js'));
  await copyFile(local('../../clients/js/src/admin.js'), join(library, 'admin.js'));
  return folder;
}

/** Runs a program; what it prints. */
async function run(command, args, options) {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) child[stream].setEncoding('utf8').on('data', (text) => { printed[stream] += text; });
  const ended = new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  const code = await within(ended, `${command} to end; it printed ${JSON.stringify(printed)}`, 30_000).finally(() => child.kill());
  assert.equal(code, 0, `${printed.stdout}${printed.stderr}`);
  return printed.stdout;
}

test('the page has the recipes that its list names', () => {
  const listed = [...PAGE.matchAll(/^- \[(.*?)\]/gm)].map(([, title]) => title);
  assert.deepEqual(RECIPES.map(({ title }) => title), listed);
  assert.equal(listed.length, 6);
});

for (const { title, blocks } of RECIPES) {
  test(title, async (t) => {
    const server = await startServer(t);
    const folder = await project(t);
    const here = (code) => code.replaceAll(/(localhost|127\.0\.0\.1):8080/g, `127.0.0.1:${server.port}`);
    const outputs = [];
    for (const { language, code } of blocks) {
      if (language === 'text') {
        assert.equal(outputs.at(-1), code);
      } else if (language === 'sh') {
        await run('bash', ['-c', SHELL + here(code)]);
      } else {
        assert.equal(language, 'js');
        await writeFile(join(folder, 'recipe.mjs'), here(code));
        outputs.push(await run(process.execPath, ['--import', local('./helpers/websocket.mjs'), 'recipe.mjs'], { cwd: folder }));
      }
    }
    assert.deepEqual(outputs, blocks.filter(({ language }) => language === 'text').map(({ code }) => code));
  });
}
