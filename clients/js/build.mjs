// Makes the package: `dist/`, and in the repository the types that the server has and the page of the API in `docs/`.
import { build } from 'esbuild';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { apiPage } from './api-page.mjs';
import { internalNames } from './internal-names.mjs';
import { makeMinified } from './minify.mjs';
import { PROGRAM, SOURCES, declarations } from './types.mjs';

process.chdir(fileURLToPath(new URL('.', import.meta.url)));

const COMMON = { bundle: true, target: 'es2022', logLevel: 'warning' };
const MIN = 'dist/asset-arbiter.min.js';

/** The other entries import the first one as their neighbour, so that it is there once. */
const neighbour = (ending) => ({
  name: 'neighbour',
  setup: ({ onResolve }) => onResolve({ filter: /^asset-arbiter$/ }, () => ({ path: `./index${ending}`, external: true })),
});

async function makeCode(types) {
  copyFileSync(SOURCES.index, 'dist/index.js');
  const { index, ...others } = SOURCES;
  const external = ['react'];
  await build({ ...COMMON, entryPoints: others, outdir: 'dist', format: 'esm', external, plugins: [neighbour('.js')] });
  await build({
    ...COMMON, entryPoints: SOURCES, outdir: 'dist', outExtension: { '.js': '.cjs' }, format: 'cjs', external,
    plugins: [neighbour('.cjs')],
  });
  await makeMinified(MIN, { ...COMMON, entryPoints: [index] }, internalNames(PROGRAM, index, types.index));
}

function makeTypes(types) {
  for (const [entry, text] of Object.entries(types)) {
    for (const ending of ['js', 'cjs']) {
      writeFileSync(`dist/${entry}.d.${ending.replace('js', 'ts')}`, text.replaceAll('"asset-arbiter"', `"./index.${ending}"`));
    }
  }
}

rmSync('dist', { recursive: true, force: true });
mkdirSync('dist');
const types = declarations();
makeTypes(types);
writeFileSync('../../static/asset-arbiter.d.ts', types.index);
writeFileSync('../../docs/client-api.md', apiPage(types));
await makeCode(types);
for (const name of ['LICENSE', 'LICENSE-MIT', 'LICENSE-APACHE']) copyFileSync(`../../${name}`, name);
console.log(`${MIN}: ${readFileSync(MIN).length} bytes, ${gzipSync(readFileSync(MIN), { level: 9 }).length} gzipped`);
