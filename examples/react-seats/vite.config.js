import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// The page and the server share an origin, as behind one proxy in production.
const target = process.env.ARBITER_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react()],
  // The hooks in this repository's clients/js must find this React. A package from the registry does not need it.
  resolve: { dedupe: ['react'] },
  server: { proxy: { '^/v1/.*/ws': { target, ws: true } } },
});
