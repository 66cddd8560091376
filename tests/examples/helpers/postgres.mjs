// A PostgreSQL of our own.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

import { eventually } from '../../js/helpers/wait.mjs';

const DEBIAN = '/usr/lib/postgresql';
const START_MS = 20_000;

/** The folder of its programs, or undefined where there is none. */
const BIN = process.env.ARBITER_TEST_POSTGRES ?? newest();

function newest() {
  try {
    const versions = readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a));
    return versions.length > 0 ? join(DEBIAN, versions[0], 'bin') : undefined;
  } catch {
    return undefined;
  }
}

/** Why it cannot be had here; false if it can. Where `CI=true` it must be had. */
export const missing = BIN || process.env.CI === 'true' ? false : 'there is no PostgreSQL: apt-get install postgresql';

let starting;
let databases = 0;
let end = () => {};
// At the end of all tests of the file.
after(() => end());

/** The URL of a new database. The server is started for the first and ends with the file's tests. */
export async function newDatabase() {
  const server = await (starting ??= start());
  const name = `test_${(databases += 1)}`;
  server.ask('postgres', `CREATE DATABASE ${name}`);
  return server.url(name);
}

async function start() {
  const folder = mkdtempSync(join(tmpdir(), 'asset-arbiter-postgres-'));
  const data = join(folder, 'data');
  execFileSync(...command('initdb', ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync']), { stdio: 'ignore' });
  // Its socket is all that is needed, and takes no port.
  const flags = ['-D', data, '-k', folder, '-c', 'listen_addresses=', '-c', 'fsync=off'];
  const child = spawn(...command('postgres', flags), { stdio: 'ignore' });
  end = () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const url = (name) => `postgresql://postgres@/${name}?host=${folder}`;
  const ask = (name, statement) => {
    const args = ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', statement, url(name)];
    return execFileSync(join(BIN, 'psql'), args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  };
  const isUp = () => {
    try {
      return ask('postgres', 'SELECT 1') !== '';
    } catch {
      return false;
    }
  };
  await eventually(async () => isUp(), 'PostgreSQL to start', START_MS);
  return { url, ask };
}

/** PostgreSQL refuses to run as root. */
function command(program, args) {
  const path = join(BIN, program);
  return process.getuid() === 0 ? ['unshare', ['--user', '--map-user=1000', '--map-group=1000', path, ...args]] : [path, args];
}
