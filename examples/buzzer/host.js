// The host watches as an observer, who has no name and can take nothing.
import { joinRoom } from 'asset-arbiter';
import { element, first, follow, nameOf, rounds } from './show.js';

const room = joinRoom(location.origin, { room: 'show' });

follow(room, () => {
  const all = rounds(room);
  const round = all.at(-1);
  const winner = round && first(room, round);
  element('players').textContent = room.players.names.map((player) => nameOf(room, player)).join(', ') || 'nobody yet';
  element('winner').textContent = winner ? `${nameOf(room, winner)} was first` : round ? 'Who is first?' : '';
  element('open').textContent = `Open round ${all.length + 1}`;
  element('open').disabled = room.state !== 'connected' || (round !== undefined && !winner);
  element('results').replaceChildren(...all.map((each) => {
    const line = document.createElement('li');
    const player = first(room, each);
    line.textContent = player ? nameOf(room, player) : '...';
    return line;
  }));
});

element('open').onclick = async () => {
  try {
    const answer = await fetch(`/rounds/round-${rounds(room).length + 1}`, { method: 'POST' });
    element('news').textContent = answer.ok ? '' : await answer.text();
  } catch ({ message }) {
    element('news').textContent = message;
  }
};
