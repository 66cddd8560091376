import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const BINARY = process.env.ASSET_ARBITER_BIN
  ?? fileURLToPath(new URL('../../../target/debug/asset-arbiter', import.meta.url));
const START_MS = 20_000;
const STOP_MS = 15_000;
/** What every room of a test's server offers. */
const ASSETS = ['sword=1', 'potion=5'];

/** Starts a server of its own on a free port (or on `address`, to come back where another one was). */
export async function startServer({ address = '127.0.0.1:0', args = [] } = {}) {
  const assets = ASSETS.flatMap((asset) => ['--asset', asset]);
  const command = ['--listen', address, '--log-format', 'json', ...assets, ...args];
  const child = spawn(BINARY, command, { stdio: ['ignore', 'ignore', 'pipe'] });
  return new Server(child, await listening(child));
}

class Server {
  #child;

  constructor(child, address) {
    this.#child = child;
    this.address = address;
    this.url = `http://${address}`;
  }

  /** Asks it to drain and waits until it is gone. */
  stop() {
    return this.#end('SIGTERM');
  }

  /** Ends it as a crash would. */
  kill() {
    return this.#end('SIGKILL');
  }

  /** The page's address for a player in a room. */
  link(room, player) {
    return `${this.url}/?${new URLSearchParams(player ? { room, player } : { room })}`;
  }

  createAsset(room, asset, units) {
    return this.#request('PUT', `${room}/assets/${asset}`, { units });
  }

  removeRoom(room) {
    return this.#request('DELETE', room);
  }

  /** Who holds the asset, as the server knows it. */
  async holders(room, asset) {
    const { assets } = await this.#request('GET', room);
    return assets.find((state) => state.asset === asset).holders.map(({ player }) => player);
  }

  async #request(method, path, body) {
    const headers = body ? { 'content-type': 'application/json' } : {};
    const response = await fetch(`${this.url}/v1/rooms/${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  async #end(signal) {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill(signal);
    const late = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    await gone;
    clearTimeout(late);
  }
}

/** The address from the log line `listening`; whatever comes before it explains why there is none. */
function listening(child) {
  const log = [];
  return new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`${BINARY} ${why}\n${log.join('\n')}`));
    const timer = setTimeout(() => { child.kill('SIGKILL'); fail('did not start in time'); }, START_MS);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code) => fail(`ended with ${code}`));
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (log.length < 50) log.push(line);
      const address = addressIn(line);
      if (!address) return;
      clearTimeout(timer);
      child.removeAllListeners('exit');
      resolve(address);
    });
  });
}

function addressIn(line) {
  try {
    const entry = JSON.parse(line);
    const { message, address } = entry.fields ?? entry;
    return message === 'listening' ? address : null;
  } catch {
    return null; // the banner
  }
}
