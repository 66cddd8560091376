import { SERVER } from './address.js';
import { byId, write } from './dom.js';

/** The footer: ten lines for a game of one's own, against this very server, and links to what the server says of itself. */
export function describeUse() {
  write(byId('use-code'), code(SERVER.replace(/\/$/, '')));
  byId('use').addEventListener('toggle', showMetrics, { once: true });
}

/** Links the metrics, unless a proxy or a port of their own keeps them from players. */
async function showMetrics() {
  const answer = await fetch(`${SERVER}metrics`, { method: 'HEAD' }).catch(() => null);
  byId('metrics').hidden = !(answer?.ok && answer.headers.get('content-type')?.startsWith('text/plain'));
}

const code = (server) => `import { joinRoom } from '${server}/asset-arbiter.js';

const room = joinRoom('${server}', { room: 'lobby', player: 'ann' });
room.on('granted', ({ asset, player }) => console.log(player, 'has the', asset));
await room.ready;
for (const { asset, remaining, units } of room.assets.values()) console.log(asset, remaining, 'of', units);

const { granted, remaining } = await room.select('sword');
console.log(granted ? 'The sword is mine.' : 'Somebody was faster.', remaining, 'left');`;
