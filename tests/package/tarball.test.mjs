// What is in the package, and what its makers say of it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { readFileSync } from 'node:fs';

import { ROOT, pack, project, read } from './helpers/project.mjs';
import { MODULES, run } from './helpers/tools.mjs';

const json = (...path) => JSON.parse(read(...path));
const manifest = json(ROOT, 'clients/js/package.json');

/** The names of the files in a tarball, which stand in blocks of 512 bytes before the files' own. */
function filesIn(tarball) {
  const tar = gunzipSync(readFileSync(tarball));
  const names = [];
  for (let at = 0; tar[at] > 0;) {
    const text = (from, length) => tar.toString('utf8', at + from, at + from + length).replace(/\0.*$/s, '');
    names.push(text(0, 100));
    at += 512 + Math.ceil(parseInt(text(124, 12), 8) / 512) * 512;
  }
  return names.sort();
}

test('the tarball has the code, its types and the licences, and nothing else', async () => {
  const { tarball } = await pack();
  const codes = ['admin', 'index', 'react'].flatMap((entry) => ['cjs', 'd.cts', 'd.ts', 'js'].map((end) => `dist/${entry}.${end}`));
  const others = ['LICENSE', 'LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'package.json'];
  const min = ['dist/asset-arbiter.min.js', 'dist/asset-arbiter.min.js.map'];
  assert.deepEqual(filesIn(tarball), [...codes, ...others, ...min].map((path) => `package/${path}`).sort());
});

test('the package, the library in it and the server have one version', async (t) => {
  const folder = await project(t, { 'version.js': `import { VERSION } from 'asset-arbiter'; console.log(VERSION);` });
  const [, server] = read(ROOT, 'Cargo.toml').match(/^version = "(.*)"$/m);
  assert.equal(manifest.version, server);
  assert.equal((await run(t, folder, 'node', ['version.js'])).trim(), server);
  assert.equal(json(ROOT, 'clients/js/package-lock.json').version, server);
});

test('the library is made with the tools that it is tried with', () => {
  const { devDependencies: tried } = json(ROOT, 'tests/package/package.json');
  for (const [name, version] of Object.entries(manifest.devDependencies)) assert.equal(tried[name], version, name);
});

test('the file of the package is the file of the server', async () => {
  const { folder } = await pack();
  assert.equal(read(folder, 'dist/index.js'), read(ROOT, 'static/asset-arbiter.js'));
});

test('the types that the server has, and the page of the API, are those of the code', async () => {
  const { copy, folder } = await pack();
  for (const path of ['static/asset-arbiter.d.ts', 'docs/client-api.md']) {
    assert.equal(read(ROOT, path), read(copy, path), `${path} is not up to date: run \`npm run build\` in clients/js`);
  }
  assert.equal(read(copy, 'static/asset-arbiter.d.ts'), read(folder, 'dist/index.d.ts'));
});

test('the minified file has its source map, and the size that the package says', async (t) => {
  const { folder } = await pack();
  const [code, map] = [read(folder, 'dist/asset-arbiter.min.js'), json(folder, 'dist/asset-arbiter.min.js.map')];
  assert.match(code, /\n\/\/# sourceMappingURL=asset-arbiter\.min\.js\.map\n$/);
  assert.deepEqual(map.sourcesContent, [read(ROOT, 'static/asset-arbiter.js')]);
  const size = gzipSync(code, { level: 9 }).length;
  t.diagnostic(`${code.length} bytes, ${size} gzipped`);
  const [, kilobytes] = read(folder, 'README.md').match(/([\d.]+) KB gzipped/);
  assert.ok(Math.abs(size / 1_000 - kilobytes) <= 0.2, `${size} bytes gzipped`);
});

test('every exported value has a comment on the page of the API', async () => {
  const page = read(ROOT, 'docs/client-api.md');
  for (const entry of ['index', 'admin']) {
    const { folder } = await pack();
    const module = await import(join(folder, `dist/${entry}.js`));
    for (const name of Object.keys(module)) {
      const [, text] = page.match(new RegExp(`^### \`${name}\`\n([^]*?)(?=^##)`, 'm')) ?? [];
      assert.match(text?.replace(/```[^]*?```/g, '') ?? '', /^[A-Z].* .*/m, name);
    }
  }
});

test('publint finds no fault', async (t) => {
  const { tarball } = await pack();
  assert.match(await run(t, MODULES, 'publint', ['run', tarball, '--strict']), /All good!/);
});

test('attw finds the types from every kind of import', async (t) => {
  const { tarball } = await pack();
  assert.match(await run(t, MODULES, 'attw', [tarball, '--no-color', '--no-emoji']), /No problems found/);
});
