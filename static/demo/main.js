import { byId } from './dom.js';
import { Entry } from './entry.js';
import { forget, fromAddress, remember, remembered } from './link.js';
import { problemWith } from './names.js';
import { Session } from './session.js';

let session = null;
const entry = new Entry(enter);

/** Goes into a room; a visit that the library refuses ends at the door, with its reason. */
function enter(visit) {
  try {
    session = new Session(visit);
  } catch (error) {
    return entry.show(error.message);
  }
  remember(visit);
  entry.hide();
  show(true);
}

function leave() {
  session.leave();
  session = null;
  forget();
  show(false);
  document.title = 'asset-arbiter';
  entry.show();
}

/** Tries again as the same player in the same room, after the server closed the connection for good. */
function again() {
  location.reload();
}

function show(playing) {
  byId('game').hidden = !playing;
  document.body.dataset.view = playing ? 'game' : 'entry';
}

byId('leave').addEventListener('click', leave);
byId('banner-leave').addEventListener('click', leave);
byId('banner-again').addEventListener('click', again);

const { room, player } = fromAddress();
const visit = { room, player: player || remembered(room) };
if ([visit.room, visit.player].every((name) => problemWith(name) === null)) enter(visit);
else entry.show();
