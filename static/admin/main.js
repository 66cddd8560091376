import { byId, write } from '../demo/dom.js';
import { Refused } from '../demo/admin.js';
import { Actions } from './actions.js';
import { Api, path } from './api.js';
import { HealthView } from './health-view.js';
import { PlayerView } from './player-view.js';
import { RoomView } from './room-view.js';
import { RoomsView } from './rooms-view.js';

const VIEWS = { rooms: RoomsView, room: RoomView, player: PlayerView, health: HealthView };
/** The link of the navigation that a view belongs to. */
const PARTS = { rooms: 'rooms', room: 'rooms', player: 'player', health: 'health' };

/** What the views need of one visit: api, node (the answer of `/v1/node`), actions (null for viewers), kept (what they keep). */
let visit = null;
let view = null;

/** Asks the server what the key allows, and shows the console if it allows anything. */
async function signIn(key) {
  const api = new Api(key, (error) => visit?.api === api && signOut(error.message));
  try {
    const node = await api.get(path('node'));
    visit = { api, node, actions: node.role === 'admin' ? new Actions(api) : null, kept: {} };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return showSignIn(key === '' && error.status === 401 ? '' : refused(key, error));
  }
  byId('key').value = '';
  byId('sign-in').hidden = true;
  byId('views').hidden = byId('session').hidden = false;
  write(byId('node'), `node ${visit.node.node.slice(0, 6)}`);
  byId('node').title = `node ${visit.node.node}, version ${visit.node.version}`;
  write(byId('role'), visit.node.role);
  show();
}

function refused(key, error) {
  return error.status === 401 && key !== '' ? `That key was refused: ${error.message}` : error.message;
}

function signOut(why = '') {
  leaveView();
  visit = null;
  byId('views').hidden = byId('session').hidden = true;
  showSignIn(why);
}

function showSignIn(why) {
  byId('sign-in').hidden = false;
  write(byId('key-error'), why);
  byId('key').setAttribute('aria-invalid', String(why !== ''));
  byId('key').focus();
  document.title = 'Console · asset-arbiter';
}

function leaveView() {
  for (const dialog of document.querySelectorAll('dialog')) dialog.close();
  view?.leave();
  view?.element.remove();
  view = null;
}

/** Shows the view that the address names: #rooms, #room/NAME, #player/NAME, #health. It never has the key. */
function show() {
  if (!visit) return;
  leaveView();
  const [name, subject = ''] = location.hash.slice(1).split('/').map(decoded);
  const known = Object.hasOwn(VIEWS, name) && !(name === 'room' && subject === '') ? name : 'rooms';
  view = new VIEWS[known](visit, subject);
  byId('main').append(view.element);
  document.title = `${view.title} · Console · asset-arbiter`;
  for (const link of byId('views').children) {
    if (link.hash === `#${PARTS[known]}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  view.element.querySelector('h1').focus({ preventScroll: true });
  scrollTo(0, 0);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

byId('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  signIn(byId('key').value.trim());
});
byId('sign-out').addEventListener('click', () => signOut());
addEventListener('hashchange', show);
signIn('');
