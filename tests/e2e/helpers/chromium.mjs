// A Chromium driven through its pipe, without Playwright, which forces every page to be visible, never frozen, and out
// of the back/forward cache.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const ARGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];
const OWN_ARGS = [...ARGS, '--headless=new', '--remote-debugging-pipe'];
const PATIENCE_MS = 10_000;

/** Starts one with a profile of its own, for the length of a test. */
export async function startChromium(t) {
  const profile = await mkdtemp(join(tmpdir(), 'asset-arbiter-e2e-'));
  const chromium = new Chromium(profile);
  t.after(async () => {
    await chromium.kill();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  });
  return chromium;
}

class Chromium {
  #process;
  #lastId = 0;
  #rest = '';
  #calls = new Map();

  constructor(profile) {
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'];
    this.#process = spawn(EXECUTABLE, [...OWN_ARGS, `--user-data-dir=${profile}`, 'about:blank'], { stdio });
    this.#process.stdio[4].setEncoding('utf8').on('data', (text) => this.#read(text));
    for (const pipe of this.#process.stdio.slice(3)) pipe.on('error', () => {}); // the call that waits says it
  }

  /** Calls a method of the DevTools protocol; its result. */
  call(method, params = {}, sessionId = undefined) {
    const id = (this.#lastId += 1);
    this.#process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => {
      const late = () => this.#settle(id)?.reject(new Error(`waited ${PATIENCE_MS} ms for ${method}`));
      const timer = setTimeout(late, PATIENCE_MS);
      this.#calls.set(id, { resolve, reject, timer });
    });
  }

  /** Opens a tab in front of the others, loaded. */
  async open(url) {
    const { targetId } = await this.call('Target.createTarget', { url });
    const { sessionId } = await this.call('Target.attachToTarget', { targetId, flatten: true });
    const tab = new Tab(this, targetId, sessionId);
    await tab.until('document.readyState === "complete" && location.href !== "about:blank"');
    return tab;
  }

  async kill() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await gone;
  }

  #read(text) {
    const messages = (this.#rest + text).split('\0');
    this.#rest = messages.pop();
    for (const { id, result, error } of messages.map((message) => JSON.parse(message))) {
      const call = this.#settle(id);
      if (error) call?.reject(new Error(error.message));
      else call?.resolve(result);
    }
  }

  #settle(id) {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    clearTimeout(call?.timer);
    return call;
  }
}

class Tab {
  #chromium;
  #target;
  #session;

  constructor(chromium, target, session) {
    this.#chromium = chromium;
    this.#target = target;
    this.#session = session;
  }

  #call(method, params) { return this.#chromium.call(method, params, this.#session); }

  /** The value of an expression in the page, awaited there. */
  async value(expression) {
    const how = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails: thrown } = await this.#call('Runtime.evaluate', how);
    if (thrown) throw new Error(thrown.exception?.description ?? thrown.text);
    return result.value;
  }

  /** The types of the events that an object of the page has listeners for, sorted. */
  async listeners(expression) {
    const { result } = await this.#call('Runtime.evaluate', { expression });
    const { listeners } = await this.#call('DOMDebugger.getEventListeners', { objectId: result.objectId });
    return listeners.map(({ type }) => type).sort();
  }

  /** Waits until an expression is true in the page. */
  async until(expression) {
    const end = performance.now() + PATIENCE_MS;
    // During a navigation there is no page to evaluate in.
    while (!(await this.value(expression).catch(() => false))) {
      if (performance.now() > end) throw new Error(`waited ${PATIENCE_MS} ms for ${expression}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Takes the network from the page, or gives it back. */
  async setOffline(offline) {
    await this.#call('Network.enable');
    const unthrottled = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
    await this.#call('Network.emulateNetworkConditions', { offline, ...unthrottled });
  }

  toFront() { return this.#call('Target.activateTarget', { targetId: this.#target }); }

  freeze() { return this.#call('Page.setWebLifecycleState', { state: 'frozen' }); }

  unfreeze() { return this.#call('Page.setWebLifecycleState', { state: 'active' }); }

  goTo(url) { return this.#call('Page.navigate', { url }); }

  async goBack() {
    const { currentIndex, entries } = await this.#call('Page.getNavigationHistory');
    await this.#call('Page.navigateToHistoryEntry', { entryId: entries[currentIndex - 1].id });
  }

  close() { return this.#chromium.call('Target.closeTarget', { targetId: this.#target }); }
}
