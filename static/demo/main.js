import { byId } from './dom.js';
import { JoinForm } from './join-form.js';
import { watchForKeyboard } from './keys.js';
import { forget, fromAddress, playerOf, remember, remembered, takeToken } from './address.js';
import { problemWith } from './names.js';
import { Session } from './session.js';
import { describeUse } from './use.js';

let session = null;
const token = takeToken();
const joinForm = new JoinForm(enter, playerOf(token));

/** Joins a room. If the library refuses the names, shows the form with the reason. */
function enter(visit) {
  try {
    session = new Session({ ...visit, token });
  } catch (error) {
    return joinForm.show(error.message);
  }
  remember(visit);
  joinForm.hide();
  show(true);
}

function leave() {
  session.leave();
  session = null;
  forget();
  show(false);
  document.title = 'asset-arbiter';
  joinForm.show();
}

/** Rejoins the same room as the same player, after the server closed the connection for good. */
function again() {
  location.reload();
}

function show(playing) {
  byId('game').hidden = !playing;
  document.body.dataset.view = playing ? 'game' : 'join';
}

watchForKeyboard();
describeUse();
byId('leave').addEventListener('click', leave);
byId('banner-leave').addEventListener('click', leave);
byId('banner-again').addEventListener('click', again);

const { room, player } = fromAddress();
const visit = { room, player: playerOf(token) || player || remembered(room) };
if (Object.entries(visit).every(([what, name]) => problemWith(what, name) === null)) enter(visit);
else joinForm.show();
