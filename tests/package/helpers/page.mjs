// A real browser, and a place to have pages from.
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';

import { ARGS, EXECUTABLE } from '../../e2e/helpers/chromium.mjs';
import { require } from '../../js/helpers/deps.mjs';
import { within } from '../../js/helpers/wait.mjs';

const { chromium } = require('playwright-core');

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.map': 'application/json' };
const PATIENCE_MS = 30_000;

/** Serves a folder for the length of a test; its address. */
export async function serve(t, folder) {
  const server = createServer(({ url }, response) => {
    const path = url === '/' ? '/index.html' : url.split('?')[0];
    response.setHeader('content-type', TYPES[extname(path)] ?? 'text/plain');
    createReadStream(join(folder, path)).on('error', () => response.writeHead(404).end()).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  t.after(() => server.closeAllConnections());
  return `http://127.0.0.1:${server.address().port}`;
}

/** Opens a page. `said(pattern)` resolves with the line of its console that matches; the page must log no error. */
export async function open(t, url) {
  const browser = await chromium.launch({ executablePath: EXECUTABLE, args: ARGS });
  t.after(() => browser.close());
  const page = await browser.newPage();
  const lines = [];
  const sockets = [];
  const waiting = new Set();
  const note = (line) => {
    lines.push(line);
    for (const look of waiting) look();
  };
  page.on('console', (message) => note(message.type() === 'error' ? `ERROR ${message.text()}` : message.text()));
  page.on('pageerror', (error) => note(`ERROR ${error.stack}`));
  page.on('websocket', (socket) => sockets.push(socket.url()));
  await page.goto(url);
  const said = (pattern) => within(new Promise((resolve, reject) => {
    const look = () => {
      const fault = lines.find((line) => line.startsWith('ERROR'));
      const found = lines.find((line) => pattern.test(line));
      if (fault) reject(new Error(fault));
      else if (found) resolve(found);
    };
    waiting.add(look);
    look();
  }), `a page that says ${pattern}`, PATIENCE_MS).catch((error) => {
    throw new Error(`${error.message}; it said:\n${lines.join('\n')}`);
  });
  return { page, said, lines, sockets };
}
