import { nameOf, room, scores } from './room';

const element = (id: string) => document.getElementById(id)!;
const STATES = {
  connecting: 'Connecting ...',
  connected: 'Connected',
  reconnecting: 'Connection lost. Trying again ...',
  closed: 'The server has closed the room',
};

/** Tells the player what happened. */
export function say(text: string) {
  element('news').textContent = text;
}

function drawStatus() {
  const players = room.state === 'connected' ? `, ${room.players.count} playing` : '';
  element('status').textContent = STATES[room.state] + players;
  element('status').dataset.state = room.state;
}

function drawScores() {
  element('scores').replaceChildren(...scores().map(([id, count]) => {
    const line = document.createElement('li');
    line.textContent = `${nameOf(id)}${id === room.player ? ' (you)' : ''}: ${count}`;
    return line;
  }));
}

for (const event of ['state', 'players', 'snapshot'] as const) room.on(event, drawStatus);
for (const event of ['players', 'snapshot', 'granted', 'released', 'changed'] as const) room.on(event, drawScores);
room.on('lost', ({ assets }) => say(`The server was restarted and has forgotten ${assets.length} of your gems`));
room.on('error', ({ message }) => say(message));
