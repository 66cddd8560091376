import { make, symbol } from './dom.js';
import { count, duration } from './format.js';
import { iconOf } from './icons.js';
import { nameOf } from './names.js';
import { labelOf, raceOf } from './race.js';

/** Reports the room's events and this player's outcomes in the feed. */
export class News {
  #feed;
  #player;
  #now;
  #lastRace = 0;

  constructor(feed, { player, now }) {
    this.#feed = feed;
    this.#player = player;
    this.#now = now;
  }

  granted({ asset, player, at }) {
    const race = raceOf(asset, this.#now());
    const time = race && at >= race.start ? ` +${duration(at - race.start)}` : '';
    this.#feed.add(player === this.#player ? 'won' : 'grant', iconOf(labelOf(asset)),
      this.#name(player), ' took ', bold(labelOf(asset)), time);
  }

  confirmed({ asset, player }) {
    this.#feed.add('release', iconOf(labelOf(asset)), this.#name(player), player === this.#player ? ' keep ' : ' keeps ',
      bold(labelOf(asset)));
  }

  released({ asset, player, reason }) {
    this.#feed.add('release', iconOf(labelOf(asset)), this.#name(player), ENDED[reason] ?? ' gave back ', bold(labelOf(asset)),
      reason === 'respawned' ? ': it is free again' : '');
  }

  changed({ asset, units, remaining, removed }) {
    const race = raceOf(asset, this.#now());
    if (race) return removed ? undefined : this.#raced(race.start);
    const what = removed ? ' was removed' : ` now has ${count(units, 'unit')}, ${remaining} left`;
    this.#feed.add('asset', iconOf(asset), bold(asset), what);
  }

  players({ joined, left, name }) {
    if (joined) this.#feed.add('people', symbol('enter'), this.#name(joined), ' came in');
    if (left) this.#feed.add('people', symbol('leave'), this.#name(left, name), ' left');
  }

  /** Reports this player's outcomes that cause no room event. */
  outcome(asset, { kind, text, latencyMs }) {
    const icon = iconOf(labelOf(asset));
    if (kind === 'missed') this.#feed.add('missed', icon, 'You missed ', bold(labelOf(asset)), ` (${duration(latencyMs)})`);
    if (kind === 'denied') this.#feed.add('asset', icon, bold(labelOf(asset)), ' is not for you yet');
    if (kind === 'failed') this.#feed.add('trouble', icon, bold(labelOf(asset)), `: ${text}`);
  }

  trouble(text) {
    this.#feed.add('trouble', symbol('warning'), text);
  }

  connection(text) {
    this.#feed.add('people', symbol('signal'), text);
  }

  /** Reports a race once, although it has many assets. */
  #raced(start) {
    if (start <= this.#lastRace) return;
    this.#lastRace = start;
    this.#feed.add('start', symbol('flag'), bold('A race'), ` starts in ${duration(Math.max(0, start - this.#now()))}`);
  }

  #name(player, name = nameOf(player)) {
    return bold(player === this.#player ? 'You' : name);
  }
}

/** How a grant ended that was not given back. */
const ENDED = { expired: ' did not keep ', respawned: ' had ', left: ' left behind ', kicked: ' had to leave ' };

const bold = (text) => make('b', {}, text);
