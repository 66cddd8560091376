// Keeps an inventory of who holds what, from the events that asset-arbiter's webhook sends. An event and what it does are
// written in one transaction, and the answer goes out after COMMIT. So each event counts once, whatever crashes when.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { DatabaseSync } from 'node:sqlite';

import { Webhook } from 'standardwebhooks';

const { ARBITER_URL = 'http://127.0.0.1:8080', ARBITER_VIEWER_KEY, DATABASE = 'inventory.db', PORT = '9000' } = process.env;
// One secret a line, as the server has them. During a rotation there are two, and either proves who sent a request.
const secrets = readFileSync(process.env.WEBHOOK_SECRET_FILE ?? 'webhook.secret', 'utf8').trim().split(/\s+/);
const webhooks = secrets.map((secret) => new Webhook(secret));
/** A batch of 100 events has at most 100 KiB. */
const MOST_BYTES = 1024 * 1024;

const db = new DatabaseSync(DATABASE);
db.exec('PRAGMA busy_timeout = 5000');
// `seen` has the newest revision of each record of an asset. Its events come in order, so that tells which came before.
db.exec(`CREATE TABLE IF NOT EXISTS seen
  (room TEXT, asset TEXT, origin TEXT, revision BIGINT, PRIMARY KEY (room, asset, origin))`);
db.exec('CREATE TABLE IF NOT EXISTS inventory (room TEXT, asset TEXT, player TEXT, PRIMARY KEY (room, asset, player))');
const isNew = db.prepare(`INSERT INTO seen VALUES (?, ?, ?, ?) ON CONFLICT (room, asset, origin)
  DO UPDATE SET revision = excluded.revision WHERE excluded.revision > seen.revision`);
const give = db.prepare('INSERT INTO inventory VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
const take = db.prepare('DELETE FROM inventory WHERE room = ? AND asset = ? AND player = ?');
const takeFromAll = db.prepare('DELETE FROM inventory WHERE room = ? AND asset = ?');
const all = db.prepare('SELECT room, asset, player FROM inventory ORDER BY room, asset, player');

/** What a request says, or undefined unless one of the secrets signed these very bytes in the last five minutes. */
function verified(body, headers) {
  for (const webhook of webhooks) {
    try {
      return webhook.verify(body, headers);
    } catch {} // The next secret may fit.
  }
}

/** Does what a batch says, all of it or nothing. */
async function receive(events) {
  const holders = new Map();
  // Read before the transaction, so that none waits for the network.
  for (const event of events) if (event.type === 'compacted') holders.set(event, await holdersAt(event));
  db.exec('BEGIN IMMEDIATE');
  try {
    for (const event of events) apply(event, holders.get(event));
    db.exec('COMMIT');
  } catch (error) {
    db.exec('ROLLBACK');
    throw error;
  }
}

function apply(event, holders) {
  const { room, asset, origin, revision, player, type } = event;
  if (isNew.run(room, asset, origin, revision).changes === 0) return; // it came before
  // A hold is given once it is confirmed.
  if ((type === 'granted' && !event.hold) || type === 'confirmed') give.run(room, asset, player);
  if (type === 'released') take.run(room, asset, player);
  if (['created', 'reset', 'removed', 'compacted'].includes(type)) takeFromAll.run(room, asset);
  // Too many events waited and were merged. Who holds the asset takes their place.
  if (type === 'compacted') for (const holder of holders) give.run(room, asset, holder);
}

/** The players that hold the asset of a `compacted` event, without those of whom later events will tell. */
async function holdersAt({ room, asset, revision: last }) {
  const headers = ARBITER_VIEWER_KEY && { authorization: `Bearer ${ARBITER_VIEWER_KEY}` };
  const players = [];
  for (let after = 0; after !== null && after < last;) {
    const url = `${ARBITER_URL}/v1/rooms/${room}/assets/${asset}/holders?after=${after}`;
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(5000) });
    if (response.status === 404) return []; // removed since, which an event will tell
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    const page = await response.json();
    const held = page.holders.filter(({ revision, hold }) => revision <= last && !hold);
    players.push(...held.map(({ player }) => player));
    after = page.next_after;
  }
  return players;
}

async function read(request) {
  const parts = [];
  let bytes = 0;
  for await (const part of request) {
    parts.push(part);
    if ((bytes += part.length) > MOST_BYTES) return undefined;
  }
  return Buffer.concat(parts);
}

async function answer(request) {
  if (request.method === 'GET' && request.url === '/inventory') return [200, all.all()];
  if (request.method !== 'POST' || request.url !== '/webhook') return [404, 'POST /webhook or GET /inventory'];
  const body = await read(request);
  if (!body) return [413, `at most ${MOST_BYTES} bytes`];
  const batch = verified(body, request.headers);
  if (!batch) return [401, 'no valid signature'];
  await receive(batch.events);
  return [200, 'written'];
}

const server = createServer(async (request, response) => {
  // Any status but 2xx makes the server send the batch again, later.
  const [status, body] = await answer(request).catch((error) => {
    console.error(error);
    return [500, 'not written'];
  });
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
});
server.listen(Number(PORT), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/inventory`));
