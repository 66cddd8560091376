import { SERVER } from '../demo/address.js';
import { Refused } from '../demo/admin.js';

const TIMEOUT_MS = 15_000;

/** The server's HTTP API, with an operator's key. The key is kept in this object alone. */
export class Api {
  #key;
  #refused;

  /** `refused` is called when the server does not take the key any longer. */
  constructor(key, refused = () => {}) {
    this.#key = key;
    this.#refused = refused;
  }

  /** The key as a token of the client library, which sends it as a subprotocol; null without a key. */
  get token() {
    return this.#key ? subprotocolText(this.#key) : null;
  }

  /** `query`: parameters; those that are undefined or empty are left out. */
  get(path, query = {}) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '' && value !== null);
    return this.#send('GET', given.length ? `${path}?${new URLSearchParams(given)}` : path);
  }

  /** Changes something. Resolves with the answer and the id of the request's line in the server's log. */
  async change(method, path, body) {
    const id = randomId();
    return { id, answer: await this.#send(method, path, body, { 'x-request-id': id }) };
  }

  /** A text that is no JSON; null if it is not served here. */
  async text(path) {
    const response = await this.#fetch('GET', path, undefined, {});
    if (response.ok) return response.text();
    if (response.status === 404) return null;
    throw await refusal(response);
  }

  async #send(method, path, body, headers = {}) {
    const response = await this.#fetch(method, path, body, headers);
    if (response.ok) return response.json();
    const error = await refusal(response);
    if (error.status === 401) this.#refused(error);
    throw error;
  }

  async #fetch(method, path, body, headers) {
    const all = { ...headers };
    if (this.#key) all.authorization = `Bearer ${this.#key}`;
    if (body) all['content-type'] = 'application/json';
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    try {
      return await fetch(SERVER + path, { method, headers: all, body: body && JSON.stringify(body), signal, cache: 'no-store' });
    } catch {
      throw new Refused(0, { code: 'unreachable', message: 'The server does not answer.' });
    }
  }
}

/** A path below `v1/`, with each segment encoded. */
export const path = (...segments) => ['v1', ...segments.map(encodeURIComponent)].join('/');

async function refusal(response) {
  const unknown = { code: String(response.status), message: `The server answered ${response.status}.` };
  return new Refused(response.status, await response.json().catch(() => unknown));
}

/** What may not stand in a subprotocol is percent-encoded; the server decodes it. */
function subprotocolText(key) {
  const code = (letter) => `%${letter.charCodeAt(0).toString(16).padStart(2, '0')}`;
  return key.replace(/[^A-Za-z0-9!#$&'*+\-.^_`|~]/g, code);
}

/** 12 digits. `randomUUID` is there only over TLS and on loopback. */
function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
