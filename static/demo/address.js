import { make } from './dom.js';

/** The server's address, with the path that a proxy may have put before it. */
export const SERVER = new URL('..', import.meta.url).href;

const SAVED = 'asset-arbiter.visit';

/** The room and player in the page's URL, '' if missing. */
export function fromAddress() {
  const query = new URLSearchParams(location.search);
  return { room: query.get('room') ?? '', player: query.get('player') ?? '' };
}

/** The player token in the page's URL, '' if missing. It leaves the address bar, so that no copied link carries it. */
export function takeToken() {
  const url = new URL(location.href);
  const token = url.searchParams.get('token') ?? '';
  url.searchParams.delete('token');
  if (token) history.replaceState(null, '', url);
  return token;
}

/** The player whom a token names, '' if it names none. The server decides whether that is true. */
export function playerOf(token) {
  try {
    const { sub } = JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
    return typeof sub === 'string' ? sub : '';
  } catch {
    return '';
  }
}

/** A link to a room. With a player it also joins under that name. */
export function linkTo(room, player) {
  const query = new URLSearchParams(player ? { room, player } : { room });
  return `${SERVER}?${query}`;
}

/**
 * Shows the room in the address bar and remembers the player for this tab only. A reload rejoins as the same player,
 * but the URL copied into another tab creates another player.
 */
export function remember({ room, player }) {
  save({ room, player });
  const named = fromAddress();
  if (named.room !== room || (named.player && named.player !== player)) history.replaceState(null, '', linkTo(room));
}

/** The player of this tab in that room, or ''. */
export function remembered(room) {
  try {
    const saved = JSON.parse(sessionStorage.getItem(SAVED) ?? '{}');
    return saved.room === room ? saved.player : '';
  } catch {
    return '';
  }
}

export function forget() {
  save({});
  history.replaceState(null, '', SERVER);
}

/** Remembers the visit, so that a reload does not ask for the name again. */
function save(visit) {
  try {
    sessionStorage.setItem(SAVED, JSON.stringify(visit));
  } catch {
    // Without storage the visit is not remembered.
  }
}

/** Copies text, even without the clipboard API, as on a phone that opens the page over http. */
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text).then(() => true, () => copyBySelection(text));
  return copyBySelection(text);
}

function copyBySelection(text) {
  const field = make('textarea', { class: 'offscreen', readOnly: true, value: text });
  const focused = document.activeElement;
  document.body.append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  focused?.focus();
  return done;
}
