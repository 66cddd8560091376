// The console in a tab of its own, and the keys of a server that has an admin and a viewer.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { assertAccessible } from './axe.mjs';

/** Keys in base64, as `openssl rand -base64` makes them: some of their characters may not stand in a subprotocol. */
export const KEYS = { admin: 'the/admin+key/of/this(test)==', viewer: 'the/viewer+key/of/this(test)==' };
/** Chromium logs the request by which the page finds out that it needs a key. */
export const REFUSED = /status of 401/;

/** The screens that every view must fit. */
export const SHAPES = {
  'light desktop': { viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  'dark desktop': { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
  'dark tablet': { viewport: { width: 768, height: 1024 }, colorScheme: 'dark' },
  'dark phone': { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, colorScheme: 'dark' },
  'light phone': { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, colorScheme: 'light' },
};

/** The flags of a server with both keys. */
export async function keyFlags() {
  const folder = await mkdtemp(join(tmpdir(), 'asset-arbiter-e2e-'));
  after(() => rm(folder, { recursive: true }));
  const flags = [];
  for (const [role, key] of Object.entries(KEYS)) {
    await writeFile(join(folder, role), key, { mode: 0o600 });
    flags.push(`--${role}-key-file`, join(folder, role));
  }
  return flags;
}

/** A request with the admin key; its answer. */
export async function asAdmin(server, method, path, body) {
  const response = await fetch(`${server.url}${path}`, {
    method, headers: { authorization: `Bearer ${KEYS.admin}` }, body: body && JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** Many requests with the admin key over one connection, without waiting in between. All must succeed. */
export async function asAdminAtOnce(server, requests) {
  const socket = connect(server.port, '127.0.0.1').setEncoding('latin1');
  const head = `HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAuthorization: Bearer ${KEYS.admin}\r\nContent-Length: `;
  socket.write(requests.map(({ method, path, body }) => {
    const text = JSON.stringify(body);
    return `${method} ${path} ${head}${text.length}\r\n\r\n${text}`;
  }).join(''));
  let [answered, rest] = [0, ''];
  for await (const text of socket) {
    const all = rest + text;
    const statuses = [...all.matchAll(/HTTP\/1\.1 (\d{3}) /g)];
    const refused = statuses.find(([, status]) => !status.startsWith('2'));
    if (refused) throw new Error(`one of ${requests.length} requests was answered ${refused[1]}`);
    answered += statuses.length;
    if (answered === requests.length) return;
    // Half of a status line may come with the next piece.
    const last = statuses.at(-1);
    rest = all.slice(Math.max(last ? last.index + last[0].length : 0, all.length - 12));
  }
  throw new Error(`${answered} of ${requests.length} requests were answered`);
}

/** Opens the console; with a role, signed in. `view`: the part of its address after `#`. */
export async function openConsole({ browser, server }, { role, view = '', options } = {}) {
  const { page } = await browser.open(`${server.url}/admin${view && `#${view}`}`, { options });
  const operator = new Operator(page);
  if (role) await operator.signIn(KEYS[role]);
  return operator;
}

/** A tab with the console. Everything waits for what it asks for. */
class Operator {
  constructor(page) {
    this.page = page;
  }

  async signIn(key) {
    await this.page.waitForSelector('#sign-in:not([hidden])');
    await this.page.fill('#key', key);
    await this.page.keyboard.press('Enter');
    await this.page.waitForSelector('#session:not([hidden])');
  }

  button(name) {
    return this.page.getByRole('button', { name, exact: true });
  }

  /** The rows of a table, each as the texts of its cells. */
  rows(label) {
    return this.page.$$eval(`[role=region][aria-label="${label}"] tbody tr`, (rows) => rows
      .map((row) => [...row.children].map((cell) => cell.innerText.trim())));
  }

  /** Waits until a row of a table has these texts, in this order, possibly with others between. */
  async row(label, ...texts) {
    const pattern = new RegExp(texts.map((text) => text.replace(/[^\w ]/g, '\\$&')).join('[\\s\\S]*'));
    await this.page.locator(`[role=region][aria-label="${label}"] tbody tr`, { hasText: pattern }).first().waitFor();
  }

  async noRow(label, text) {
    await this.page.locator(`[role=region][aria-label="${label}"] tbody tr`, { hasText: text }).first().waitFor({ state: 'detached' });
  }

  async live() {
    await this.page.waitForSelector('.pill[data-state=connected]');
  }

  get dialog() {
    return this.page.locator('dialog[open]');
  }

  /** Answers the question that is open with yes, and waits for what the console says then. */
  async confirm(said) {
    await this.dialog.locator('[type=submit]').click();
    await this.page.locator('.toast', { hasText: said }).waitFor();
    await this.dialog.waitFor({ state: 'detached' });
  }

  /** Fails if the view is wider than the screen, a table of it hides columns, or axe-core finds a violation. */
  async assertLegible(view) {
    const [overflow, cut] = await this.page.evaluate(() => [
      document.documentElement.scrollWidth - document.documentElement.clientWidth,
      [...document.querySelectorAll('.table')].filter((table) => table.scrollWidth > table.clientWidth).map(({ ariaLabel }) => ariaLabel),
    ]);
    assert.equal(overflow, 0, `${view} is wider than the screen`);
    assert.deepEqual(cut, [], `${view} has tables that are wider than their panels`);
    await assertAccessible(this, view);
  }
}
