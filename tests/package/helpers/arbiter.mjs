// The real server, which pages of other origins may play on, with what the README's lines ask for.
import { startServer } from '../../js/helpers/server.mjs';

export async function startArbiter(t, args = []) {
  const server = await startServer(t, ['--asset', 'sword=1', '--allow-origin', '*', ...args]);
  return { server, url: server.url.replace('ws:', 'http:') };
}
