// The real server, on a port of its own, for the length of a test.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { eventually, within } from './wait.mjs';

const binary = process.env.ARBITER_TEST_BIN
  ?? fileURLToPath(new URL('../../../target/debug/asset-arbiter', import.meta.url));
const LOG_LINES_KEPT = 50;
const START_MS = 20_000;

/** Called with the port of each server that listens, unless it speaks TLS. */
export const whenListening = [];

/** Starts `asset-arbiter --listen 127.0.0.1:PORT ...args`; port 0 picks one. */
export async function startServer(t, args = [], port = 0) {
  const server = new Server(args, port);
  t.after(() => server.kill());
  await server.listening();
  return server;
}

/** One that is started by `listening`. */
export class Server {
  #process;
  #isPlain;
  #exit;
  #log = [];

  constructor(args, port) {
    this.#isPlain = !args.includes('--tls-cert');
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ASSET_ARBITER_')));
    const all = ['--listen', `127.0.0.1:${port}`, '--log-format', 'json', ...args];
    this.#process = spawn(binary, all, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#exit = once(this.#process, 'exit');
    this.#exit.catch(() => {}); // told by `listening`
  }

  async listening() {
    const address = await within(Promise.race([this.#readLog(), this.#died()]), `${binary} to listen`, START_MS);
    this.port = Number(address.split(':').at(-1));
    this.url = `ws://127.0.0.1:${this.port}`;
    if (this.#isPlain) for (const hook of whenListening) await hook(this.port);
  }

  #readLog() {
    return new Promise((resolve) => {
      createInterface({ input: this.#process.stderr }).on('line', (line) => {
        this.#log.push(line);
        if (this.#log.length > LOG_LINES_KEPT) this.#log.shift();
        const { message, address } = logged(line);
        if (message === 'listening') resolve(address);
      });
    });
  }

  async #died() {
    const [code] = await this.#exit;
    throw new Error(`${binary} ended with ${code} before it listened:\n${this.#log.join('\n')}`);
  }

  /** Asks it to stop, as an operator does; resolves with the exit code. */
  async stop() {
    this.#process.kill('SIGTERM');
    const [code] = await within(this.#exit, 'the server to drain', 15_000);
    return code;
  }

  /** Ends it as a crash would; resolves once it is gone. */
  kill() {
    this.#process.kill('SIGKILL');
    return this.#exit;
  }

  /** Stops it where it is, every thread of it: what it is sent stays unread. */
  async pause() {
    this.#process.kill('SIGSTOP');
    await eventually(() => isStopped(this.#process.pid), 'the server to stop where it is');
  }

  /** Creates an asset, with options as the wire has them. */
  async create(room, asset, units, options = {}) {
    await this.http('PUT', `/v1/rooms/${room}/assets/${asset}`, { units, ...options });
  }

  /** Who holds an asset, as the store says. */
  async holders(room, asset) {
    const page = await this.http('GET', `/v1/rooms/${room}/assets/${asset}/holders`);
    return page.holders.map(({ player }) => player);
  }

  /** A request to the HTTP API; its body. Throws when it is refused. */
  async http(method, path, body) {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      method, headers: { 'content-type': 'application/json' }, body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  }
}

/** Whether no thread of a process runs, as `/proc` says after the name, which may have spaces in it. */
async function isStopped(pid) {
  const threads = await readdir(`/proc/${pid}/task`);
  const stats = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8')));
  return stats.every((stat) => stat.slice(stat.lastIndexOf(')')).startsWith(') T'));
}

/** The fields of a JSON log line; a line that is none has none. */
function logged(line) {
  try {
    const entry = JSON.parse(line);
    return entry.fields ?? entry;
  } catch {
    return {};
  }
}
