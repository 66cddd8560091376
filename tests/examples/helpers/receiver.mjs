// The receivers of examples/inventory, as processes that can be killed, and what is sent to them.
import { spawn } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

import { eventually, within } from '../../js/helpers/wait.mjs';
import { ROOT } from '../../package/helpers/project.mjs';
import { MODULES } from '../../package/helpers/tools.mjs';
import { missing, newDatabase } from './postgres.mjs';

/** Each receiver with each database it can have. */
export const RECEIVERS = [
  { name: 'receiver.mjs on SQLite', command: [process.execPath, '--no-warnings', 'receiver.mjs'] },
  { name: 'receiver.py on SQLite', command: ['python3', 'receiver.py'] },
  { name: 'receiver.py on PostgreSQL', command: ['python3', 'receiver.py'], database: newDatabase, skip: missing },
];

export const newSecret = () => `whsec_${randomBytes(32).toString('base64')}`;

/** Starts a receiver for the length of a test, on an empty database. */
export async function startReceiver(t, kind, { secrets = [newSecret()], arbiter } = {}) {
  // Beside the tools' packages, so that theirs are found.
  const folder = mkdtempSync(join(dirname(MODULES), 'asset-arbiter-inventory-'));
  for (const file of kind.command.filter((name) => name.startsWith('receiver'))) {
    cpSync(join(ROOT, 'examples/inventory', file), join(folder, file));
  }
  const receiver = new Receiver(kind, folder, arbiter, await kind.database?.());
  t.after(async () => {
    await receiver.kill();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  receiver.secrets = secrets;
  await receiver.start();
  return receiver;
}

class Receiver {
  port = 0;
  #kind;
  #folder;
  #env;
  #process;
  #errors = '';

  constructor(kind, folder, arbiter, database) {
    this.#kind = kind;
    this.#folder = folder;
    this.secretFile = join(folder, 'webhook.secret');
    const { ARBITER_TEST_PYTHONPATH: PYTHONPATH } = process.env;
    const own = { ...(arbiter && { ARBITER_URL: arbiter }), ...(database && { DATABASE: database }) };
    this.#env = { ...process.env, ...(PYTHONPATH && { PYTHONPATH }), ...own };
  }

  /** Reads them when it starts. */
  set secrets(secrets) {
    this.secret = secrets[0];
    writeFileSync(this.secretFile, secrets.map((secret) => `${secret}\n`).join(''), { mode: 0o600 });
  }

  /** Starts it, again where it was. */
  async start() {
    const [program, ...args] = this.#kind.command;
    const env = { ...this.#env, PORT: String(this.port) };
    const child = spawn(program, args, { cwd: this.#folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stderr.on('data', (text) => (this.#errors += text));
    this.#process = child;
    const line = once(createInterface({ input: child.stdout }), 'line').then(([said]) => said);
    const died = once(child, 'close').then(() => Promise.reject(new Error(`it ended:\n${this.#errors}`)));
    died.catch(() => {}); // later it may
    const url = await within(Promise.race([line, died]), `${this.#kind.name} to listen`);
    this.port = Number(new URL(url).port);
    this.url = `http://127.0.0.1:${this.port}/webhook`;
  }

  /** kill -9. */
  async kill() {
    if (this.#process?.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'close');
    this.#process.kill('SIGKILL');
    await ended;
  }

  async restart() {
    await this.kill();
    await this.start();
  }

  /** Who holds what, as `room/asset/player`, sorted. */
  async inventory() {
    const response = await fetch(`http://127.0.0.1:${this.port}/inventory`);
    const rows = await response.json();
    return rows.map(({ room, asset, player }) => `${room}/${asset}/${player}`).sort();
  }

  /** Waits until its inventory is this one. */
  async comesTo(inventory, ms) {
    const expected = JSON.stringify(inventory);
    const has = async () => JSON.stringify(await this.inventory().catch(() => 'it is down')) === expected;
    await eventually(has, `an inventory of ${inventory.length}`, ms);
  }

  /** Delivers events as the server does; the answer's status. */
  async deliver(events, headers) {
    return this.post(JSON.stringify({ events }), headers);
  }

  /** Sends a body that is signed unless the headers say otherwise. */
  async post(body, headers = this.signed(body)) {
    const response = await fetch(this.url, { method: 'POST', headers, body });
    await response.arrayBuffer();
    return response.status;
  }

  /** Sends a batch and never reads the answer; ends with the receiver. */
  deliverUnread(events) {
    const body = JSON.stringify({ events });
    const head = Object.entries({ host: 'x', 'content-length': Buffer.byteLength(body), ...this.signed(body) });
    const socket = connect(this.port, '127.0.0.1').pause();
    socket.on('error', () => {});
    socket.write(`POST /webhook HTTP/1.1\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`);
    return socket;
  }

  /** The headers of Standard Webhooks for a body, signed with each secret. */
  signed(body, { secrets = [this.secret], id = 'msg-1', at = Math.floor(Date.now() / 1000) } = {}) {
    const sign = (secret) => createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64'))
      .update(`${id}.${at}.${body}`).digest('base64');
    const signature = secrets.map((secret) => `v1,${sign(secret)}`).join(' ');
    return {
      'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': String(at), 'webhook-signature': signature,
    };
  }
}
