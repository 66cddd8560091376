// The bots of examples/bots, against a real server and a network that breaks.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { asset, startPeer } from '../js/helpers/peer.mjs';
import { startProxy } from '../js/helpers/proxy.mjs';
import { startServer } from '../js/helpers/server.mjs';
import { eventually, within } from '../js/helpers/wait.mjs';

const FOLDER = fileURLToPath(new URL('../../examples/bots', import.meta.url));
const { ARBITER_TEST_GO: GO = 'go', ARBITER_TEST_PYTHONPATH: PYTHONPATH } = process.env;
let built;

before(() => {
  built = mkdtempSync(join(tmpdir(), 'asset-arbiter-bots-'));
  execFileSync(GO, ['vet', '.'], { cwd: FOLDER, stdio: 'inherit' });
  execFileSync(GO, ['build', '-mod=readonly', '-o', built, '.'], { cwd: FOLDER, stdio: 'inherit' });
});
after(() => rmSync(built, { recursive: true }));

const COMMANDS = {
  'bot.py': () => ['python3', join(FOLDER, 'bot.py')],
  'bot.go': () => [join(built, 'bots')],
};

/** Starts a bot; `got` is what it says that it got. */
function startBot(t, name, url, player) {
  const [command, ...args] = COMMANDS[name]();
  const env = { ...process.env, ...(PYTHONPATH && { PYTHONPATH }) };
  const child = spawn(command, [...args, url, 'arena', player], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const bot = { got: [], errors: '', ended: once(child, 'close') };
  createInterface({ input: child.stdout }).on('line', (line) => bot.got.push(line.replace(/^got /, '')));
  child.stderr.on('data', (text) => (bot.errors += text));
  t.after(() => child.kill('SIGKILL'));
  bot.has = (assets) => eventually(async () => bot.got.length >= assets.length, `${name} to get ${assets}`)
    .then(() => assert.deepEqual([...bot.got].sort(), assets), (error) => assert.fail(`${error.message}\n${bot.errors}`));
  return bot;
}

for (const name of Object.keys(COMMANDS)) {
  test(`${name} takes what is free, comes back after a cut and to a new server, and stops when it is kicked`, async (t) => {
    const server = await startServer(t, ['--asset', 'potion=3', '--asset', 'sword=1']);
    await server.http('POST', '/v1/rooms/arena/assets/sword/select', { player: 'ann' });
    const proxy = await startProxy(t, server.port);
    const bot = startBot(t, name, proxy.url, 'bot-1');
    await bot.has(['potion']);

    await server.http('POST', '/v1/rooms/arena/assets/sword/release', { player: 'ann' });
    await bot.has(['potion', 'sword']);
    proxy.hold();
    proxy.cut();
    await server.create('arena', 'made-meanwhile', 1);
    proxy.resume();
    await bot.has(['made-meanwhile', 'potion', 'sword']);

    await server.kill();
    const next = await startServer(t, ['--asset', 'crown=1'], server.port);
    await bot.has(['crown', 'made-meanwhile', 'potion', 'sword']);
    assert.deepEqual(await next.holders('arena', 'crown'), ['bot-1']);
    await next.http('DELETE', '/v1/rooms/arena/players/bot-1');
    const [code] = await within(bot.ended, `${name} to end`);
    assert.equal(code, 1);
    assert.match(bot.errors, /4005/);
  });

  test(`${name} resumes after its last frame, repeats a select without a reply, and waits as told`, async (t) => {
    const peer = await startPeer(t);
    const bot = startBot(t, name, peer.url, 'bot-1');
    const first = await peer.welcome({ assets: [asset('sword')] });
    await first.next('select_asset');
    first.send({ type: 'player_joined', offset: 11, player: 'ann', players: 2 });
    first.cut();
    const second = await peer.welcome({ recovered: true, offset: 11 });
    assert.deepEqual(second.query, { player: 'bot-1', epoch: 'E1', offset: '11' });
    await second.answerSelect();
    await bot.has(['sword']);
    const begin = performance.now();
    second.close(4100, 1500);
    await peer.next();
    assert.ok(performance.now() - begin > 1400);
  });
}

test('the bots race for a hundred assets, and each goes to one of them', async (t) => {
  const server = await startServer(t);
  const names = Array.from({ length: 100 }, (_, number) => `asset-${number}`);
  for (const name of names) await server.create('arena', name, 1);
  const bots = Object.keys(COMMANDS).map((name) => startBot(t, name, server.url, name));
  const all = () => bots.flatMap(({ got }) => got).filter((name) => names.includes(name));
  await eventually(async () => all().length >= names.length, 'every asset to be awarded');
  assert.deepEqual(all().sort(), names.sort());
  const held = await Promise.all(names.map((name) => server.holders('arena', name)));
  assert.ok(held.every((holders) => holders.length === 1));
});
