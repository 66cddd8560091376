// The real server, on a port of its own, with the demo page on it.
import { Server } from '../../js/helpers/server.mjs';

/** What every room of a test's server offers. */
const ASSETS = ['--asset', 'sword=1', '--asset', 'potion=5'];

/** Starts a server of its own on a free port (or on `port`, to come back where another one was). */
export async function startServer({ port = 0, args = [] } = {}) {
  const server = new PageServer([...ASSETS, ...args], port);
  await server.listening();
  return server;
}

class PageServer extends Server {
  #scheme;

  constructor(args, port) {
    super(args, port);
    this.#scheme = args.includes('--tls-cert') ? 'https' : 'http';
  }

  async listening() {
    await super.listening();
    this.url = `${this.#scheme}://127.0.0.1:${this.port}`;
  }

  /** The page's address for a player in a room. */
  link(room, player) {
    return `${this.url}/?${new URLSearchParams(player ? { room, player } : { room })}`;
  }
}
