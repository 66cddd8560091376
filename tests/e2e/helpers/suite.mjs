import { after, afterEach, before } from 'node:test';
import { startBrowser } from './browser.mjs';
import { startServer } from './server.mjs';

let rooms = 0;

/** A room that no other test uses. */
export const newRoom = () => `room-${++rooms}`;

/**
 * One server and one browser for the tests of a file: `suite.server`, `suite.browser`. After each test the
 * pages must be clean, except for what `except` matches, and are closed.
 */
export function suite({ browser = {}, args = [], except } = {}) {
  const parts = {};
  before(async () => {
    parts.server = await startServer({ args });
    parts.browser = await startBrowser(browser);
  });
  afterEach(async () => {
    await parts.browser.closeTabs();
    parts.browser.assertClean({ except });
  });
  after(async () => {
    await parts.browser?.close();
    await parts.server?.kill();
  });
  return parts;
}
