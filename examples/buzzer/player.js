import { joinRoom } from 'asset-arbiter';
import { element, first, follow, nameOf, rounds } from './show.js';

/** Another player in each tab, and the same one after a reload. */
const player = (sessionStorage.player ??= `p-${Math.random().toString(36).slice(2, 10)}`);
const buzzer = element('buzzer');

element('join').onsubmit = (event) => {
  event.preventDefault();
  sessionStorage.name = element('name').value.trim();
  play(sessionStorage.name);
};
if (sessionStorage.name) play(sessionStorage.name);

function play(name) {
  const room = joinRoom(location.origin, { room: 'show', player, name: name || undefined });
  element('join').hidden = true;
  element('play').hidden = false;
  buzzer.focus();

  const open = () => {
    const round = rounds(room).at(-1);
    return room.state === 'connected' && round && !first(room, round) ? round : undefined;
  };
  follow(room, () => {
    const round = rounds(room).at(-1);
    const winner = round && first(room, round);
    element('title').textContent = !round ? 'Wait for the host'
      : !winner ? `Round ${round.slice('round-'.length)}: go!`
      : winner === player ? 'You were first!'
      : `${nameOf(room, winner)} was first`;
    // Unlike `disabled`, this keeps the keyboard's focus where it is.
    buzzer.ariaDisabled = String(!open());
    buzzer.dataset.won = String(winner === player);
  });

  async function buzz() {
    const round = open();
    if (!round) return;
    try {
      await room.select(round);
    } catch ({ message }) {
      element('news').textContent = message;
    }
  }
  // A finger counts when it comes down. A key clicks; a second select of a finger's changes nothing.
  buzzer.onpointerdown = buzz;
  buzzer.onclick = buzz;
}
