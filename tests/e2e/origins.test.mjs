// Pages of other origins, https with wss, and a page whose name was made to resolve to the server (DNS rebinding).
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { promisify } from 'node:util';
import { startBrowser } from './helpers/browser.mjs';
import { startServer } from './helpers/server.mjs';

/** A name that resolves to this machine. */
const EVIL = 'evil.test';
const FOREIGN = 'pages of this origin may not do this; see --allow-origin';
let browser;

before(async () => {
  const args = [`--host-resolver-rules=MAP ${EVIL} 127.0.0.1`, '--no-proxy-server'];
  browser = await startBrowser({ args, ignoreHTTPSErrors: true });
});
afterEach(() => browser.closeTabs());
after(() => browser.close());

async function arbiter(t, args = [], port = 0) {
  const server = await startServer({ args, port });
  t.after(() => server.kill());
  return server;
}

/** A server of an empty page, on a port of its own. */
async function site(t) {
  const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<title>A page</title>'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.closeAllConnections();
    if (server.listening) await promisify(server.close.bind(server))();
  };
  t.after(close);
  return { port: server.address().port, close };
}

async function openPage(url) {
  return (await browser.open(url)).page;
}

/** What a WebSocket comes to: the first frame, or how it is closed. */
const dial = (page, url) => page.evaluate((address) => new Promise((resolve) => {
  const socket = new WebSocket(address);
  socket.onmessage = ({ data }) => resolve({ opened: true, type: JSON.parse(data).type });
  let opened = false;
  socket.onopen = () => { opened = true; };
  socket.onclose = ({ code, reason }) => resolve({ opened, code, reason });
}), url);

/** The status and the body of a request, or the name of the error that hides them from the page. */
const ask = (page, url, options) => page.evaluate(async ([address, how]) => {
  try {
    const response = await fetch(address, how);
    return { status: response.status, body: await response.text() };
  } catch (error) {
    return { error: error.name };
  }
}, [url, options]);

/** What comes of joining and selecting with the library that the server serves. */
const play = (page, url) => page.evaluate(async (address) => {
  const { joinRoom } = await import(`${address}/asset-arbiter.js`);
  const room = joinRoom(address, { room: 'r', player: 'ada' });
  try {
    await room.ready;
    return { granted: (await room.select('sword')).granted };
  } catch ({ code, message, temporary }) {
    return { code, message, temporary, state: room.state };
  }
}, url);

const putBow = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{"units":2}' };
const bow = (server) => `${server.url}/v1/rooms/r/assets/bow`;
const socketOf = (server) => `${server.url.replace('http', 'ws')}/v1/rooms/r/ws?player=ada`;

test('a page of another origin neither joins nor reads nor changes anything', async (t) => {
  const server = await arbiter(t);
  const { port } = await site(t);
  const page = await openPage(`http://localhost:${port}/`);
  const { code, reason } = await dial(page, socketOf(server));
  assert.deepEqual([code, JSON.parse(reason)], [4003, { code: 4003, retry_after_ms: 0, message: FOREIGN }]);
  const message = `the server closed the room for good: 4003 forbidden: ${FOREIGN}`;
  const refused = { code: 'forbidden', message, temporary: false, state: 'closed' };
  assert.deepEqual(await play(page, server.url), refused, 'the library is for everyone, and says why there is no room');

  assert.deepEqual(await ask(page, `${server.url}/v1/rooms/r`), { error: 'TypeError' });
  assert.deepEqual(await ask(page, bow(server), putBow), { error: 'TypeError' });
  // Browsers send this without a preflight.
  const select = { method: 'POST', mode: 'no-cors', body: '{"player":"ada"}' };
  await ask(page, `${server.url}/v1/rooms/r/assets/sword/select`, select);
  await assert.rejects(server.http('GET', '/v1/rooms/r'), /unknown_room/, 'nothing was stored');
});

test('a page of an allowed origin plays, and uses the HTTP API', async (t) => {
  const { port } = await site(t);
  const origin = `http://localhost:${port}`;
  const server = await arbiter(t, ['--allow-origin', origin]);
  const page = await openPage(origin);
  assert.deepEqual(await dial(page, socketOf(server)), { opened: true, type: 'welcome' });
  assert.deepEqual(await play(page, server.url), { granted: true });

  const created = await ask(page, bow(server), putBow);
  assert.deepEqual([created.status, JSON.parse(created.body).units], [201, 2], 'after a preflight');
  const { status, body } = await ask(page, `${server.url}/v1/rooms/r`);
  const held = JSON.parse(body).assets.map((state) => [state.asset, state.held]);
  assert.deepEqual([status, held], [200, [['bow', 0], ['potion', 0], ['sword', 1]]]);
  const unknown = await ask(page, `${server.url}/v1/nothing`);
  assert.deepEqual([unknown.status, JSON.parse(unknown.body).code], [404, 'unknown_path'], 'errors are readable, too');

  const other = await openPage(`http://127.0.0.1:${port}/`);
  assert.equal((await dial(other, socketOf(server))).code, 4003, 'another name is another origin');
});

test('over https the page plays over wss', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'asset-arbiter-e2e-'));
  t.after(() => rm(folder, { recursive: true }));
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(folder, name));
  const issue = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost'.split(' ');
  await promisify(execFile)('openssl', [...issue, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert]);
  const server = await arbiter(t, ['--tls-cert', cert, '--tls-key', key]);
  const ada = await browser.open('about:blank');
  const sockets = [];
  ada.page.on('websocket', (socket) => sockets.push(socket.url()));
  await ada.page.goto(server.link('r', 'ada'));
  await ada.connected();
  assert.equal(await ada.page.evaluate(() => isSecureContext && location.protocol), 'https:');
  assert.deepEqual(sockets.map((url) => url.split('?')[0]), [`wss://127.0.0.1:${server.port}/v1/rooms/r/ws`]);
  await ada.grab('sword');
  await ada.cardIs('sword', 'mine');
});

test('a page whose name is rebound to the server gets nothing of it', async (t) => {
  const { port, close } = await site(t);
  const origin = `http://${EVIL}:${port}`;
  const page = await openPage(origin);
  // The page stays, and its name now leads to the server: for the browser both are one origin.
  await close();
  const server = await arbiter(t, [], port);
  const socket = `ws://${EVIL}:${port}/v1/rooms/r/ws?player=ada`;
  assert.deepEqual(await dial(page, socket), { opened: false, code: 1006, reason: '' });
  for (const how of [{}, putBow]) {
    const { status, body } = await ask(page, `${origin}/v1/rooms/r/assets/bow`, how);
    assert.equal(status, 403);
    const { code, message } = JSON.parse(body);
    assert.match(`${code}: ${message}`, /^forbidden: this server is not known as "evil\.test"; .*--allow-origin$/);
  }
  const visit = await page.goto(origin);
  assert.deepEqual([visit.status(), JSON.parse(await visit.text()).code], [403, 'forbidden']);
  await server.kill();

  await arbiter(t, ['--allow-origin', origin], port);
  await page.goto(origin);
  assert.deepEqual(await dial(page, socket), { opened: true, type: 'welcome' }, 'an operator can allow the name');
});
