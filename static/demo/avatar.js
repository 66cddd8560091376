import { make } from './dom.js';
import { hashOf, nameOf } from './names.js';

const HUES = 24;

/** A round badge with a player's initial, in the same colour on every page. */
export function avatar(player) {
  const mark = make('span', { class: 'avatar', 'aria-hidden': 'true' }, initial(nameOf(player)));
  mark.style.setProperty('--hue', String((hashOf(player) % HUES) * (360 / HUES)));
  return mark;
}

function initial(name) {
  const letters = name.replace(/^bot-/, '').match(/[\p{L}\p{N}]/u);
  return letters ? letters[0].toUpperCase() : '?';
}
