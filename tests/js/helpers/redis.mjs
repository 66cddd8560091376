// A real Redis, on a port of its own, for the length of a test.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

import { within } from './wait.mjs';

const binary = process.env.ARBITER_TEST_REDIS_SERVER || 'redis-server';
/** Somebody else may be quicker to take a port that was free. */
const TRIES = 5;

/** Starts a Redis that keeps nothing on disk; null where there is none, and then the test says so. */
export async function startRedis(t) {
  for (let left = TRIES; left > 0; left -= 1) {
    const redis = new Redis(await freePort());
    t.after(() => redis.kill());
    const state = await within(redis.started, `${binary} to start`);
    if (state === 'up') return redis;
    if (state === 'missing') return cannotHave(t);
  }
  throw new Error(`${binary} does not start`);
}

class Redis {
  #process;

  constructor(port) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    this.#process = spawn(binary, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    const missing = once(this.#process, 'error').then(() => 'missing');
    const died = once(this.#process, 'exit').then(() => 'died', () => 'missing');
    this.started = Promise.race([this.#ready(), missing, died]);
  }

  #ready() {
    return new Promise((resolve) => {
      const lines = createInterface({ input: this.#process.stdout });
      lines.on('line', (line) => line.includes('Ready to accept connections') && resolve('up'));
    });
  }

  kill() { this.#process.kill('SIGKILL'); }
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function cannotHave(t) {
  if (process.env.CI === 'true') throw new Error(`${binary} cannot be had, and CI=true`);
  t.skip('NOT TESTED: redis-server cannot be had: apt-get install redis-server');
  return null;
}
