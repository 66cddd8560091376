// An HTTP proxy that serves a server under a path, as nginx with `location /game/` does, and keeps its metrics from players.
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { connect } from 'node:net';

/** Starts a gate in front of a server, for the length of a test. Returns its URL. */
export async function startGate(t, { port, path }) {
  const inside = (url) => (url.startsWith(path) ? `/${url.slice(path.length)}` : null);
  const gate = createServer((asked, answer) => {
    const to = inside(asked.url);
    if (to === null || to === '/metrics') return answer.writeHead(404).end();
    const forward = request({ port, host: '127.0.0.1', path: to, method: asked.method, headers: asked.headers }, (reply) => {
      answer.writeHead(reply.statusCode, reply.headers);
      reply.pipe(answer);
    });
    forward.on('error', () => answer.destroy());
    asked.pipe(forward);
  });
  gate.on('upgrade', (asked, client, head) => {
    const to = inside(asked.url);
    if (to === null) return client.destroy();
    const server = connect(port, '127.0.0.1');
    const lines = [`${asked.method} ${to} HTTP/1.1`];
    for (let i = 0; i < asked.rawHeaders.length; i += 2) lines.push(`${asked.rawHeaders[i]}: ${asked.rawHeaders[i + 1]}`);
    server.write(`${lines.join('\r\n')}\r\n\r\n`);
    server.write(head);
    for (const [from, into] of [[client, server], [server, client]]) {
      from.pipe(into);
      from.on('error', () => into.destroy());
      from.on('close', () => into.destroy());
    }
  });
  gate.listen(0, '127.0.0.1');
  await once(gate, 'listening');
  t.after(() => {
    gate.closeAllConnections();
    gate.close();
  });
  return `http://127.0.0.1:${gate.address().port}${path}`;
}
