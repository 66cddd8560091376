import { defineConfig } from 'vite';

// The page and the server share an origin, as behind one proxy in production.
const target = process.env.ARBITER_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({ server: { proxy: { '^/v1/.*/ws': { target, ws: true } } } });
