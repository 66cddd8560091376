import assert from 'node:assert/strict';
import { require } from '../../js/helpers/deps.mjs';
import { check } from '../../js/helpers/spec.mjs';
import { ARGS, EXECUTABLE } from './chromium.mjs';
import { Player } from './player.mjs';

const { chromium } = require('playwright-core');

const DESKTOP = { viewport: { width: 1280, height: 800 } };

/** A Chromium that notes everything a page must not do, started with more arguments. */
export async function startBrowser({ args = [], ...options } = {}) {
  const chrome = await chromium.launch({ executablePath: EXECUTABLE, args: [...ARGS, ...args] });
  return new Browser(chrome, { ...DESKTOP, ...options });
}

class Browser {
  #chrome;
  #options;
  #faults = [];

  constructor(chrome, options) {
    this.#chrome = chrome;
    this.#options = options;
  }

  /**
   * Opens a tab: with a fresh profile and a window of its own, because a tab behind another one draws and
   * clicks slowly and would lose every race; or, for what a profile shares, as a tab beside another one. `options`: of the
   * profile, such as its window.
   */
  async open(url, { beside, options } = {}) {
    const context = beside ? beside.page.context() : await this.#newProfile(options);
    const page = await context.newPage();
    await page.goto(url);
    return new Player(page);
  }

  /** Opens a tab as a player in a room, connected and with the room's assets. */
  async join(server, room, player) {
    const tab = await this.open(server.link(room, player));
    await tab.connected();
    return tab;
  }

  /** Fails when a page logged an error, broke its Content-Security-Policy or asked another host. */
  assertClean({ except } = {}) {
    const faults = this.#faults.splice(0).filter((fault) => !except?.test(fault));
    assert.deepEqual(faults, []);
  }

  async closeTabs() {
    await Promise.all(this.#chrome.contexts().map((context) => context.close()));
  }

  async close() {
    await this.#chrome.close();
  }

  async #newProfile(options) {
    const context = await this.#chrome.newContext({ ...this.#options, ...options });
    await context.exposeFunction('noteViolation', (what) => { this.#faults.push(`csp: ${what}`); });
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        window.noteViolation(`${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    context.on('page', (page) => this.#watch(page));
    return context;
  }

  #watch(page) {
    page.on('pageerror', (error) => this.#faults.push(`error: ${error.stack ?? error}`));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.#faults.push(`console: ${message.text()}`);
    });
    page.on('request', (request) => this.#mustBeOwn(page, request.url()));
    page.on('websocket', (socket) => {
      this.#mustBeOwn(page, socket.url());
      socket.on('framereceived', ({ payload }) => this.#mustBeDocumented(socket.url(), payload));
    });
  }

  #mustBeDocumented(url, payload) {
    try {
      check(url, String(payload));
    } catch (error) {
      this.#faults.push(`frame: ${error.message}`);
    }
  }

  #mustBeOwn(page, url) {
    const { host } = new URL(page.url() === 'about:blank' ? url : page.url());
    if (new URL(url).host !== host || !host.startsWith('127.0.0.1:')) this.#faults.push(`external: ${url}`);
  }
}
