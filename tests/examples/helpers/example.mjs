// An example as its user has it: in a folder of its own, with the packed package, served by Vite, before a real server.
import { cpSync } from 'node:fs';
import { basename, join } from 'node:path';

import { startServer } from '../../js/helpers/server.mjs';
import { ROOT, project } from '../../package/helpers/project.mjs';
import { address, run, start } from '../../package/helpers/tools.mjs';

export const EXAMPLES = ['phaser', 'react-seats', 'buzzer'];
/** As the examples' READMEs start the server. */
const ARGS = ['--auto-create', '1'];

/** Starts an example for the length of a test. */
export async function startExample(t, name) {
  const server = await startServer(t, ARGS);
  const folder = await project(t);
  const isSource = (path) => !['node_modules', 'dist', 'package-lock.json'].includes(basename(path));
  cpSync(join(ROOT, 'examples', name), folder, { recursive: true, filter: isSource });
  const vite = start(t, folder, 'vite', ['--port', '0', '--host', '127.0.0.1'], { ARBITER_URL: httpAddress(server) });
  return { server, folder, url: await address(vite.output) };
}

/** Kills the server and starts another one in its place, which knows nothing; `meanwhile` runs in between. */
export async function restart(t, server, meanwhile) {
  await server.kill();
  await meanwhile();
  return startServer(t, ARGS, server.port);
}

const httpAddress = ({ url }) => url.replace('ws:', 'http:');
