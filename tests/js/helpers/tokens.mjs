// Player tokens as a game's backend signs them, and a server that verifies them.
import { createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startServer } from './server.mjs';

const SECRET = 'a-secret-that-is-longer-than-32-bytes';

/** A token of a player for rooms, which lives for `life` seconds and was signed `age` seconds ago. */
export function sign({ player = 'ada', rooms = ['r'], life = 600, age = 0, secret = SECRET, can, jti } = {}) {
  const iat = Date.now() / 1000 - age;
  const claims = { iss: 'game', aud: 'asset-arbiter', sub: player, iat, exp: iat + life, jti, arbiter: { rooms, can } };
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const message = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${message}.${createHmac('sha256', secret).update(message).digest('base64url')}`;
}

/** Starts a server that verifies such tokens. */
export async function startTokenServer(t, args = []) {
  return startServer(t, [...await keyArgs(t), ...args]);
}

/** The arguments of such a server. */
export async function keyArgs(t) {
  const folder = await mkdtemp(join(tmpdir(), 'tokens-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'game.secret');
  await writeFile(file, SECRET, { mode: 0o600 });
  return ['--token-key', `game=${file}`];
}

/** A function that gives what `make(n)` returns the n-th time, counted from 1; it has the number of its calls. */
export function giver(make) {
  const give = () => make((give.calls += 1));
  give.calls = 0;
  return give;
}
