// The tools that try the package, from the suite's own npm packages.
import { spawn } from 'node:child_process';
import { readdirSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { within } from '../../js/helpers/wait.mjs';

const here = dirname(fileURLToPath(import.meta.url));

/** The folder of the npm packages, as `ARBITER_TEST_NODE_MODULES` names it. */
export const MODULES = resolve(process.env.ARBITER_TEST_NODE_MODULES ?? join(here, '..', 'node_modules'));

const PATIENCE_MS = 100_000;

/** The command line of a tool. npm comes with Node. Bun's command is made by a script that is not run; its binary is there. */
function commandOf(tool) {
  if (tool === 'node') return [process.execPath];
  if (tool === 'npm') return ['npm'];
  if (tool !== 'bun') return [process.execPath, realpathSync(join(MODULES, '.bin', tool))];
  const [platform] = readdirSync(join(MODULES, '@oven'));
  return [join(MODULES, '@oven', platform, 'bin', 'bun')];
}

/** Starts a tool in a folder, for the length of a test. */
export function start(t, folder, tool, args = [], env = {}) {
  const [command, ...script] = commandOf(tool);
  const quiet = { NEXT_TELEMETRY_DISABLED: '1', DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1', CI: '1' };
  const child = spawn(command, [...script, ...args], {
    cwd: folder, env: { ...process.env, ...quiet, ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true,
  });
  const output = { text: '' };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output.text += data));
  const done = new Promise((settle) => child.on('close', settle));
  // With what it has started itself.
  const stop = () => {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch { /* it has ended */ }
  };
  t.after(stop);
  return { output, done, stop };
}

/** Runs a tool in a folder; what it says. Throws if it fails. */
export async function run(t, folder, tool, args = [], env = {}) {
  const { output, done, stop } = start(t, folder, tool, args, env);
  const timer = setTimeout(stop, PATIENCE_MS);
  const code = await done;
  clearTimeout(timer);
  if (code !== 0) throw new Error(`${tool} ${args.join(' ')} ended with ${code}:\n${output.text}`);
  return output.text;
}

/** The address that a started server prints. */
export async function address(output) {
  const found = () => output.text.match(/http:\/\/(?:localhost|127\.0\.0\.1):\d+/)?.[0];
  const look = new Promise((resolve) => {
    const timer = setInterval(() => found() && resolve(clearInterval(timer)), 50);
  });
  await within(look, 'an address', 60_000).catch((error) => {
    throw new Error(`${error.message}:\n${output.text}`);
  });
  return found();
}
