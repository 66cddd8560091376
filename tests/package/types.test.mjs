// The types, under every flag of strictness, for each way to import them.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startServer } from '../js/helpers/server.mjs';
import { project } from './helpers/project.mjs';
import { component, lines } from './helpers/readme.mjs';
import { run } from './helpers/tools.mjs';

const STRICT = [
  'strict', 'allowUnreachableCode=false', 'allowUnusedLabels=false', 'erasableSyntaxOnly', 'exactOptionalPropertyTypes',
  'isolatedModules', 'noFallthroughCasesInSwitch', 'noImplicitOverride', 'noImplicitReturns', 'noPropertyAccessFromIndexSignature',
  'noUncheckedIndexedAccess', 'noUncheckedSideEffectImports', 'noUnusedLocals', 'noUnusedParameters', 'skipLibCheck=false',
  'verbatimModuleSyntax', 'noEmit', 'target=es2022',
].flatMap((flag) => [`--${flag.split('=')[0]}`, flag.split('=')[1] ?? 'true']);
const BUNDLED = ['--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'es2022,dom', '--types', 'react'];

const USE = `
import { ArbiterError, CLOSE_REASONS, ERROR_CODES, Room, STATES, VERSION, joinRoom } from 'asset-arbiter';
import type {
  Asset, AssetOptions, Confirmation, ConfirmOptions, ErrorCode, Extension, Holder, JoinOptions, Players, Release, RoomEvents,
  SelectOptions, Selection, SocketClass, SocketLike, State, TokenSource,
} from 'asset-arbiter';
import { Admin, type AdminOptions, type RestockOptions } from 'asset-arbiter/admin';

const token: TokenSource = async () => 'x';
const options: JoinOptions = { room: 'r', token, giveUpAfterMs: 1_000 };
const room: Room = joinRoom([new URL('ws://h'), 'ws://i'], options);
const asset: Asset | undefined = room.assets.get('sword');
const holders: readonly Holder[] = asset?.holders ?? [];
const players: Players = room.players;
const state: State = room.state;
const known: ErrorCode = 'timed_out';
const limits: SelectOptions = { signal: new AbortController().signal, timeoutMs: 5 };
const won: Selection = await room.select('sword', limits);
const again: ConfirmOptions = { ...limits, retake: true };
const kept: Confirmation = await room.confirm('sword', again);
const longer: Extension = await room.extend('sword', limits);
const terms: AssetOptions | undefined = asset?.options;
const endOf = ({ expiresAt }: Holder): number | undefined => expiresAt;
room.on('released', ({ reason, mine }) => { if (mine && reason === 'expired') off(); });
room.on('confirmed', ({ player, expiresAt }) => console.log(player, expiresAt));
const back: Release = await room.release('sword');
const off: () => void = room.on('lost', ({ assets }: RoomEvents['lost']) => console.log(assets.length));
const Socket: SocketClass | undefined = undefined;
const socket: SocketLike | undefined = undefined;
const about: AdminOptions = { key: 'k' };
const only: RestockOptions = { revision: 1 };
await new Admin('http://h', about).create('r', 'seat', 1, { holdMs: 5, ...terms });
const more: Asset = await new Admin('http://h', about).restock('r', 'sword', 1, only);
room.on('state', (now) => { if (now.state === 'closed') console.log(now.reason ?? CLOSE_REASONS[now.code ?? 0]); });
try { await room.ready; } catch (error) { if (error instanceof ArbiterError && error.code === 'unauthorized') off(); }
console.log(holders.map(endOf), kept.confirmed, longer.expiresAt, won.retryAfterMs, players, state, known, won, back, Socket, socket, more, STATES[0], ERROR_CODES.length, VERSION);

// @ts-expect-error there is no such event
room.on('grant', () => {});
// @ts-expect-error there is no such option
room.confirm('sword', { again: true });
// @ts-expect-error a number
room.select('sword', { timeoutMs: '5' });
// @ts-expect-error joinRoom makes it
new Room(['ws://h'], {});
// @ts-expect-error it is read only
room.name = 'other';
`;

const USE_REACT = (url) => `
import type { AssetHook, RoomHook } from 'asset-arbiter/react';
${component(url)}
export const both = (room: RoomHook, asset: AssetHook) => [room.error?.code, asset.asset?.units, asset.expiresAt, asset.confirm, Sword];
`;

const check = (t, folder, files, flags) => run(t, folder, 'tsc', ['--ignoreConfig', ...STRICT, ...flags, ...files]);

for (const [name, flags] of [
  ['a bundler and a page', BUNDLED],
  ['Node', ['--module', 'nodenext', '--lib', 'es2022', '--types', 'node']],
  ['a worker', ['--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'es2022,webworker']],
]) {
  test(`every type is exported and clean for ${name}`, async (t) => {
    const folder = await project(t, { 'use.ts': USE });
    assert.equal(await check(t, folder, ['use.ts'], flags), '');
  });
}

test('CommonJS has the same types', async (t) => {
  const imports = /^import (type )?({[^}]*}) from ('.*');$/gm;
  const inFunction = USE.replace(imports, '').replace('const token', 'export async function use() {\nconst token').concat('}\n');
  const heads = [...USE.matchAll(imports)].map(([, type, names, from]) => type
    ? `import type ${names} from ${from};` : `import ${names} from ${from};`);
  const folder = await project(t, { 'use.cts': heads.join('\n') + inFunction });
  const flags = ['--module', 'nodenext', '--lib', 'es2022', '--types', 'node', '--verbatimModuleSyntax', 'false'];
  assert.equal(await check(t, folder, ['use.cts'], flags), '');
});

test('the hooks have types', async (t) => {
  const folder = await project(t, { 'use.tsx': USE_REACT('http://h') });
  assert.equal(await check(t, folder, ['use.tsx'], [...BUNDLED, '--jsx', 'react-jsx']), '');
});

test('the lines of the README are TypeScript as they are', async (t) => {
  const folder = await project(t, { 'lines.ts': `${lines('http://h')}` });
  assert.equal(await check(t, folder, ['lines.ts'], BUNDLED), '');
});

test('the server has the types beside the file, for TypeScript and for Deno', async (t) => {
  const server = await startServer(t);
  const http = server.url.replace('ws:', 'http:');
  const served = async (name) => (await fetch(`${http}/${name}`)).text();
  const files = Object.fromEntries(await Promise.all(
    ['asset-arbiter.js', 'asset-arbiter.d.ts'].map(async (name) => [name, await served(name)]),
  ));
  const use = (from) => lines('http://h').replace('"asset-arbiter"', JSON.stringify(from));
  const wrong = '\n// @ts-expect-error a number\nroom.select("sword", { timeoutMs: "5" });\n';
  const folder = await project(t, {
    ...files, 'use.ts': use('./asset-arbiter.js') + wrong, 'deno.ts': use(`${http}/asset-arbiter.js`) + wrong,
  });
  assert.equal(await check(t, folder, ['use.ts'], BUNDLED), '');
  await run(t, folder, 'deno', ['check', '--allow-import', 'deno.ts'], { DENO_DIR: `${folder}/.deno` });
});
