// A TCP proxy between client and server that can do what networks do: cut, swallow, delay.
import { createServer, connect } from 'node:net';

/** Starts a proxy in front of a port of this machine, for the length of a test. */
export async function startProxy(t, port) {
  const proxy = new Proxy(port);
  await proxy.listen();
  t.after(() => proxy.stop());
  return proxy;
}

class Proxy {
  /** Milliseconds by which every piece from the server is late. */
  delayMs = 0;
  #lines = new Set();
  #server;
  #refusing = false;

  constructor(port) {
    this.#server = createServer((client) => {
      if (this.#refusing) return client.destroy();
      const line = new Line(client, connect(port, '127.0.0.1'), this);
      this.#lines.add(line);
      client.on('close', () => this.#lines.delete(line));
    });
  }

  async listen() {
    await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.port = this.#server.address().port;
    this.url = `ws://127.0.0.1:${this.port}`;
  }

  /** From now on nobody gets through anew, until `resume`. */
  hold() { this.#refusing = true; }

  resume() { this.#refusing = false; }

  /** Cuts what is connected; who connects again gets through. */
  cut() {
    for (const line of this.#lines) line.cut();
  }

  /** From now on nothing from the server arrives on what is connected, though it is sent and taken. */
  swallowReplies() {
    for (const line of this.#lines) line.deaf = true;
  }

  /** From now on nothing arrives on what is connected, in either direction, and nobody is told. */
  blackHole() {
    for (const line of this.#lines) line.deaf = line.mute = true;
  }

  stop() {
    this.cut();
    this.#server.close();
  }
}

/** One connection through the proxy. */
class Line {
  deaf = false;
  mute = false;
  #client;
  #server;

  constructor(client, server, proxy) {
    this.#client = client;
    this.#server = server;
    client.on('data', (bytes) => this.mute || server.write(bytes));
    server.on('data', (bytes) => this.deaf || this.#deliver(bytes, proxy.delayMs));
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => this.mute || this.cut());
    }
  }

  /** Equal delays keep their order, as timers of equal length do. */
  #deliver(bytes, delayMs) {
    if (delayMs > 0) setTimeout(() => this.#client.write(bytes), delayMs);
    else this.#client.write(bytes);
  }

  cut() {
    this.mute = true;
    this.#client.destroy();
    this.#server.destroy();
  }
}
