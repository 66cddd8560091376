import { defineConfig } from "vite";

// The page and the server share an origin: what begins with /v1 goes on to asset-arbiter, WebSockets, too.
const proxy = { "/v1": { target: "http://127.0.0.1:8080", ws: true } };

export default defineConfig({ server: { proxy }, preview: { proxy } });
