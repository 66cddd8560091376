// @ts-check
/**
 * `asset-arbiter/admin`: creates, restocks and removes assets, for the game's own server. A page must not have the key.
 *
 *     const admin = new Admin('http://127.0.0.1:8080', { key: process.env.ARBITER_KEY });
 *     await admin.create('arena', 'sword', 3);
 *
 * @module asset-arbiter/admin
 */
import { ArbiterError } from 'asset-arbiter';

/**
 * @typedef {import('asset-arbiter').Asset} Asset
 * @typedef {import('asset-arbiter').AssetOptions} AssetOptions
 *
 * @typedef {object} AdminOptions
 * @property {string} [key]  the server's admin key, if it has one
 * @property {number} [timeoutMs]  of each call, 10 s by default
 *
 * @typedef {object} RestockOptions
 * @property {number} [revision]  restocks only if the asset has this revision, and fails with `conflict` otherwise
 */

const TIMEOUT_MS = 10_000;

/**
 * Changes the assets of a server's rooms, over HTTP. Every call rejects with an `ArbiterError` if it is refused.
 *
 * A call that fails with `timed_out`, `unreachable` or `outcome_unknown` may have taken effect. `create` and the removals can
 * be repeated: they change nothing the second time, and a removal then says `unknown_asset` or `unknown_room`. `restock`
 * can be repeated if it names the `revision`.
 */
export class Admin {
  #base;
  #headers;
  #timeoutMs;

  /**
   * @param {string | URL} url  `http:` or `https:` address of the server
   * @param {AdminOptions} [options]
   * @throws {TypeError} if an argument is invalid
   */
  constructor(url, { key, timeoutMs = TIMEOUT_MS } = {}) {
    this.#base = httpAddress(url);
    if (key !== undefined && (typeof key !== 'string' || key === '')) throw new TypeError('key must be the admin key, as text');
    if (!(timeoutMs > 0)) throw new TypeError('timeoutMs must be a number of milliseconds above 0');
    this.#headers = { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) };
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Creates an asset. Changes nothing if it has those units and options already, and fails with `conflict` if it has others.
   * @param {string} room
   * @param {string} asset
   * @param {number} units
   * @param {AssetOptions} [options]  when its grants end
   * @returns {Promise<Asset>}
   */
  async create(room, asset, units, options = {}) {
    return this.#change('PUT', assetPath(room, asset), { units, ...renamed(options, snakeCase) });
  }

  /**
   * Adds units to an asset.
   * @param {string} room
   * @param {string} asset
   * @param {number} units  how many more
   * @param {RestockOptions} [options]
   * @returns {Promise<Asset>}
   */
  async restock(room, asset, units, { revision } = {}) {
    return this.#change('POST', `${assetPath(room, asset)}/restock`, { units, revision });
  }

  /**
   * Removes an asset, and with it what the players hold of it.
   * @param {string} room
   * @param {string} asset
   * @returns {Promise<void>}
   */
  async remove(room, asset) {
    await this.#call('DELETE', assetPath(room, asset));
  }

  /**
   * Removes a room with all its assets. Its players are disconnected.
   * @param {string} room
   * @returns {Promise<void>}
   */
  async removeRoom(room) {
    await this.#call('DELETE', roomPath(room));
  }

  /**
   * A call that is answered with the asset.
   * @param {string} method
   * @param {string} where
   * @param {object} body
   * @returns {Promise<Asset>}
   */
  async #change(method, where, body) {
    const { options, ...asset } = await this.#call(method, where, body);
    return { ...asset, ...(options && { options: renamed(options, camelCase) }) };
  }

  /**
   * @param {string} method
   * @param {string} where
   * @param {object} [body]
   * @returns {Promise<any>}
   */
  async #call(method, where, body) {
    const { status, ok, text } = await this.#fetch(method, where, body);
    const answer = decode(text);
    if (ok && answer !== null) return answer;
    const { code = 'unknown_path', message = `${status} without a reason: is this the address of a server?` } = answer ?? {};
    throw new ArbiterError(code, message, status === 429 || status === 503);
  }

  /**
   * @param {string} method
   * @param {string} where
   * @param {object} [body]
   */
  async #fetch(method, where, body) {
    const signal = AbortSignal.timeout(this.#timeoutMs);
    const init = { method, headers: this.#headers, signal, ...(body && { body: JSON.stringify(body) }) };
    try {
      const answer = await fetch(this.#base + where, init);
      return { status: answer.status, ok: answer.ok, text: await answer.text() };
    } catch (error) {
      if (signal.aborted) throw new ArbiterError('timed_out', `no answer within ${this.#timeoutMs} ms`, true);
      const { message, cause } = /** @type {Error & { cause?: Error }} */ (error);
      throw new ArbiterError('unreachable', `${this.#base}: ${cause?.message || message}`, true);
    }
  }
}

/** @param {string | URL} url */
function httpAddress(url) {
  try {
    const { protocol, search, hash, href } = new URL(url);
    if (/^https?:$/.test(protocol) && !search && !hash) return href.replace(/\/+$/, '');
  } catch { /* said below */ }
  throw new TypeError(`"${url}" is not the address of a server: use http:// or https:// and no query, ` +
    'for example http://127.0.0.1:8080');
}

const NAME = /^(?!\.{1,2}$)[A-Za-z0-9_.:-]{1,64}$/;

/**
 * @param {string} room
 * @param {string} asset
 */
function assetPath(room, asset) {
  return `${roomPath(room)}/assets/${checked('asset', asset)}`;
}

/** @param {string} room */
function roomPath(room) {
  return `/v1/rooms/${checked('room', room)}`;
}

/**
 * @param {string} what
 * @param {unknown} name
 */
function checked(what, name) {
  if (typeof name === 'string' && NAME.test(name)) return name;
  throw new TypeError(`${what} ${JSON.stringify(name)} is not a name: a name is 1-64 characters of A-Z a-z 0-9 _ . : - ` +
    'and not "." or ".."');
}

/**
 * @param {object} given
 * @param {(key: string) => string} rename
 * @returns {any}
 */
function renamed(given, rename) {
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [rename(key), value]));
}

/** @param {string} key */
const snakeCase = (key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
/** @param {string} key */
const camelCase = (key) => key.replace(/_(.)/g, (_, letter) => letter.toUpperCase());

/** @param {string} text @returns {any} */
function decode(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
