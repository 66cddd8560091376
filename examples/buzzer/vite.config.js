import { Admin } from 'asset-arbiter/admin';
import { defineConfig } from 'vite';

// Pages and server share an origin, as behind one proxy in production, so phones need to reach this port alone.
const target = process.env.ARBITER_URL ?? 'http://127.0.0.1:8080';
const admin = new Admin(target, { key: process.env.ARBITER_ADMIN_KEY });
const THIS_MACHINE = ['127.0.0.1', '::1', '::ffff:127.0.0.1'];

/** What the show's own server does: it opens a round, which is an asset with one unit. No page has the key for that. */
const show = {
  name: 'show',
  configureServer({ middlewares }) {
    middlewares.use('/rounds/', async (request, response) => {
      try {
        if (request.method !== 'POST') throw new Error('a round is opened by POST');
        if (!THIS_MACHINE.includes(request.socket.remoteAddress)) throw new Error('only this machine opens rounds');
        const { asset } = await admin.create('show', request.url.slice(1), 1);
        response.end(asset);
      } catch ({ message }) {
        response.writeHead(400).end(message);
      }
    });
  },
};

export default defineConfig({ plugins: [show], server: { proxy: { '^/v1/.*/ws': { target, ws: true } } } });
