// What the host and the players share.

const STATES = {
  connecting: 'Connecting ...',
  connected: 'Connected',
  reconnecting: 'Connection lost. Trying again ...',
  closed: 'The server has closed the room',
};

export const element = (id) => document.getElementById(id);

/** The rounds so far, the newest last: `round-1`, `round-2` ... */
export function rounds(room) {
  const number = (asset) => Number(asset.slice('round-'.length));
  return [...room.assets.keys()].filter((asset) => /^round-\d+$/.test(asset)).sort((a, b) => number(a) - number(b));
}

/** The player who was first in a round, or undefined. */
export const first = (room, round) => room.assets.get(round)?.holders[0]?.player;

export const nameOf = (room, player) => room.names.get(player) ?? player;

/** Calls `draw` whenever the room is another, and shows the connection. */
export function follow(room, draw) {
  const redraw = () => {
    element('status').textContent = STATES[room.state];
    element('status').dataset.state = room.state;
    draw();
  };
  for (const event of ['state', 'players', 'granted', 'changed', 'snapshot']) room.on(event, redraw);
  room.on('error', ({ message }) => (element('news').textContent = message));
  redraw();
}
