// A player on a page whose date is wrong: joins, waits for a grant, and tells when it ends, by a clock that is right.
import { parentPort, workerData } from 'node:worker_threads';

const now = Date.now;
Date.now = () => now() + workerData.aheadMs;
const { joinRoom, runtime } = await import('./library.mjs');

const room = joinRoom(workerData.url, { room: 'r', player: workerData.player, ...runtime });
const endOf = ({ expiresAt }) => performance.timeOrigin + expiresAt;
room.on('granted', (event) => parentPort.postMessage({ granted: endOf(event), date: Date.now() }));
await room.ready;
parentPort.postMessage({ joined: [...room.assets.values()].flatMap(({ holders }) => holders.map(endOf)) });
parentPort.once('message', () => room.leave());
