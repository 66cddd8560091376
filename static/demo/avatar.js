import { make } from './dom.js';
import { hashOf } from './names.js';

const HUES = 24;

/** A round badge with a player's initial, in the same colour on every page. */
export function avatar(player) {
  const mark = make('span', { class: 'avatar', 'aria-hidden': 'true' }, initial(player));
  mark.style.setProperty('--hue', String((hashOf(player) % HUES) * (360 / HUES)));
  return mark;
}

function initial(player) {
  const letters = player.replace(/^bot-/, '').match(/[A-Za-z0-9]/);
  return letters ? letters[0].toUpperCase() : '?';
}
