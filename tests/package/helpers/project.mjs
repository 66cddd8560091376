// The package as it is packed, and empty folders that have nothing but it.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

import { MODULES, run } from './tools.mjs';

/** The repository. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const read = (...path) => readFileSync(join(...path), 'utf8');

const SOURCES = ['LICENSE', 'LICENSE-MIT', 'LICENSE-APACHE', 'static/asset-arbiter.js', 'clients/js'];
const ends = [];
after(() => ends.forEach((end) => end()));
/** Where a test's end is expected, the end of all tests of the file. */
const file = { after: (end) => ends.push(end) };

/** A new folder, removed at the end. */
function newFolder(t, parent) {
  const folder = mkdtempSync(join(parent, 'asset-arbiter-package-'));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

let packing;

/** Packs the package once for all tests of a file: a copy of the repository's files, and the tarball made there. */
export function pack() {
  packing ??= makePackage();
  return packing;
}

async function makePackage() {
  const copy = newFolder(file, tmpdir());
  mkdirSync(join(copy, 'docs'));
  const isSource = (path) => !/\/clients\/js\/(node_modules|dist|.*\.tgz)/.test(path);
  for (const path of SOURCES) cpSync(join(ROOT, path), join(copy, path), { recursive: true, filter: isSource });
  const folder = join(copy, 'clients/js');
  symlinkSync(MODULES, join(folder, 'node_modules'));
  const said = await run(file, folder, 'npm', ['pack', '--loglevel=error']);
  return { copy, folder, tarball: join(folder, said.trim().split('\n').at(-1)), said };
}

/**
 * An empty folder with the package installed from its tarball, and these files. It stands beside the tools' packages, so
 * that a bundler and React are found as if they were installed there.
 */
export async function project(t, files = {}) {
  const { tarball } = await pack();
  const folder = newFolder(t, dirname(MODULES));
  const all = { 'package.json': '{ "private": true, "type": "module" }', ...files };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  await run(t, folder, 'npm', ['install', tarball, '--offline', '--no-audit', '--no-fund', '--omit=peer', '--no-package-lock']);
  return folder;
}
