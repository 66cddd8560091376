import { byId, make } from './dom.js';

const SHOWN_MS = 5000;
const MAX_SHOWN = 3;

/** A short message at the edge of the page that disappears by itself. */
export function toast(text, kind = 'note') {
  const region = byId('toasts');
  const message = make('p', { class: `toast ${kind}` }, text);
  region.append(message);
  while (region.children.length > MAX_SHOWN) region.firstElementChild.remove();
  setTimeout(() => message.remove(), SHOWN_MS);
}
