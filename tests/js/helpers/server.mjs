// The real server, on a port of its own, for the length of a test.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { within } from './wait.mjs';

const binary = process.env.ASSET_ARBITER_BIN
  ?? fileURLToPath(new URL('../../../target/debug/asset-arbiter', import.meta.url));
const LOG_LINES_KEPT = 50;

/** Starts `asset-arbiter --listen 127.0.0.1:PORT ...args`; port 0 picks one. */
export async function startServer(t, args = [], port = 0) {
  const server = new Server(args, port);
  t.after(() => server.kill());
  await server.listening();
  return server;
}

class Server {
  #process;
  #exit;
  #log = [];

  constructor(args, port) {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ASSET_ARBITER_')));
    const all = ['--listen', `127.0.0.1:${port}`, '--log-format', 'json', ...args];
    this.#process = spawn(binary, all, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#exit = once(this.#process, 'exit');
    this.#exit.catch(() => {}); // told by `listening`
  }

  async listening() {
    const address = await within(Promise.race([this.#readLog(), this.#died()]), `${binary} to listen`);
    this.port = Number(address.split(':').at(-1));
    this.url = `ws://127.0.0.1:${this.port}`;
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

  kill() { this.#process.kill('SIGKILL'); }

  /** Stops it where it is: what it is sent stays unread. */
  pause() { this.#process.kill('SIGSTOP'); }

  /** Creates an asset. */
  async create(room, asset, units) {
    await this.http('PUT', `/v1/rooms/${room}/assets/${asset}`, { units });
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

/** The fields of a JSON log line; a line that is none has none. */
function logged(line) {
  try {
    const entry = JSON.parse(line);
    return entry.fields ?? entry;
  } catch {
    return {};
  }
}
