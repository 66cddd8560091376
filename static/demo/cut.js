import { byId, enable, make, onPress, write } from './dom.js';
import { duration } from './format.js';
import { labelOf } from './race.js';

/**
 * The button that cuts this page's connection right after a grab was sent, so that its answer is lost, and the steps that
 * follow, as the frames tell them: the library asks again, and the same answer comes back.
 */
export class Cut {
  #button = byId('cut');
  #steps = byId('cut-steps');
  #player;
  #actions;
  #signal;
  #target = null;
  /** The cut that is under way: {asset, sentAt, grants, answer}. */
  #run = null;

  constructor({ player, actions, signal }) {
    this.#player = player;
    this.#actions = actions;
    this.#signal = signal;
    this.#steps.replaceChildren();
    onPress(this.#button, () => this.#start(this.#target), { signal });
  }

  /** Takes a message of this player's connection, after it was sent. */
  sent({ type, asset }, socket) {
    const run = this.#run;
    if (!run || type !== 'select_asset' || asset !== run.asset) return;
    if (run.sentAt !== undefined) return this.#say('Asked again.');
    run.sentAt = performance.now();
    // After the library has noted that it sent the request, and before any answer.
    queueMicrotask(() => {
      socket.cut();
      this.#say(`Asked for the ${labelOf(asset)}. Connection cut before the answer.`);
    });
  }

  /** Takes a frame of this player's connection. */
  hear(frame) {
    const run = this.#run;
    if (!run) return;
    const mine = frame.asset === run.asset && frame.player === this.#player;
    if (frame.type === 'welcome') this.#say(`Back after ${duration(performance.now() - run.sentAt)}.`);
    if (frame.type === 'asset_granted' && mine) run.grants += 1;
    if (frame.type === 'selection' && frame.asset === run.asset) run.answer = frame;
  }

  /** Draws the button. It grabs from the first of these lists that has something free. */
  draw({ connected, lists }) {
    const free = lists.map((assets) => assets.find(({ asset, remaining }) => remaining > 0 && this.#actions.isFree(asset)));
    this.#target = free.find((state) => state)?.asset ?? null;
    enable(this.#button, connected && this.#run === null && this.#target !== null);
    write(byId('cut-note'), connected && !this.#run && !this.#target ? 'Nothing is left to grab.' : '');
  }

  async #start(asset) {
    this.#run = { asset, grants: 0 };
    this.#steps.replaceChildren();
    await this.#actions.grab(asset);
    // A room frame of the grant may follow its reply.
    setTimeout(() => this.#end(), 50);
  }

  #end() {
    const { asset, grants, answer } = this.#run;
    this.#run = null;
    if (this.#signal.aborted) return;
    if (!answer) return this.#say('No answer came. The card shows what becomes of it.');
    if (grants > 1) return this.#say(`Something is wrong: you were granted the ${labelOf(asset)} ${grants} times.`);
    this.#say(outcomeOf(labelOf(asset), answer));
  }

  #say(text) {
    this.#steps.append(make('li', {}, text));
  }
}

function outcomeOf(label, { granted, already_held: held }) {
  if (!granted) return `The answer: the ${label} went to somebody else.`;
  if (!held) return `The answer: the ${label} is yours, once. The first question had not arrived.`;
  return `The same answer: the ${label} is yours. It was granted before the cut, once, and not again.`;
}
