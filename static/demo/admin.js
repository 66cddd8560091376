import { SERVER } from './address.js';

/** A refused HTTP request with the server's code and message. */
export class Refused extends Error {
  constructor(status, { code, message }) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** True if the admin key is missing or wrong. */
  get needsKey() {
    return this.status === 401 || this.status === 403;
  }
}

/**
 * Creates and removes a room's assets over HTTP, with the admin key if the server has one. The key is kept only in this
 * object, never in the link or in browser storage.
 */
export class Admin {
  #room;
  #key = '';

  constructor(room) {
    this.#room = room;
  }

  set key(key) {
    this.#key = key;
  }

  create(asset, units) {
    return this.#send('PUT', asset, { units });
  }

  remove(asset) {
    return this.#send('DELETE', asset);
  }

  async #send(method, asset, body) {
    const headers = this.#key ? { authorization: `Bearer ${this.#key}` } : {};
    if (body) headers['content-type'] = 'application/json';
    const url = `${SERVER}v1/rooms/${encodeURIComponent(this.#room)}/assets/${encodeURIComponent(asset)}`;
    const response = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
    if (response.ok) return;
    const unknown = { code: String(response.status), message: `The server answered ${response.status}.` };
    throw new Refused(response.status, await response.json().catch(() => unknown));
  }
}
