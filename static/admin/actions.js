import { count } from '../demo/format.js';
import { path } from './api.js';
import { ask } from './ask.js';

const NAME = { pattern: '[A-Za-z0-9_.:\\-]{1,64}', format: 'only A-Z a-z 0-9 _ . : - are allowed.', maxlength: '64' };
const PLAYER = { pattern: '[A-Za-z0-9_.:\\|@+=~\\-]{1,128}', format: 'only A-Z a-z 0-9 _ . : | @ + = ~ - are allowed.', maxlength: '128' };
const SECONDS = { type: 'number', min: '0.001', max: '2592000', step: 'any' };

/**
 * The changes that an operator can make, each with a question before it. Viewers have none of these. The event `done` tells
 * that one was made.
 */
export class Actions extends EventTarget {
  #api;

  constructor(api) {
    super();
    this.#api = api;
  }

  create(room) {
    this.#ask({
      title: `Create an asset in ${room}`,
      fields: [
        { name: 'asset', label: 'Name', required: true, ...NAME },
        { name: 'units', label: 'Units', type: 'number', min: '1', step: '1', value: '1', required: true },
        { name: 'hold', label: 'Hold, in seconds', note: 'A grant ends after that long unless the player confirms it.', ...SECONDS },
        { name: 'grant', label: 'Grant, in seconds', note: 'A grant, once confirmed, ends after that long.', ...SECONDS },
        { name: 'leave', label: 'Leave, in seconds', note: 'The grants of a player who left end after that long.', ...SECONDS },
        { name: 'cooldown', label: 'Cooldown, in seconds', note: 'A player whose grant ended waits that long.', ...SECONDS },
      ],
      confirm: 'Create',
      run: async ({ asset, units, ...times }) => {
        const options = Object.entries(times).filter(([, seconds]) => seconds !== undefined)
          .map(([name, seconds]) => [`${name}_ms`, Math.round(seconds * 1000)]);
        const body = { units, ...Object.fromEntries(options) };
        const { id } = await this.#api.change('PUT', path('rooms', room, 'assets', asset), body);
        return done(`${asset} is there`, id);
      },
    });
  }

  restock(room, asset) {
    this.#ask({
      title: `Restock ${asset}`,
      text: 'The units are added to those that there are.',
      fields: [{ name: 'units', label: 'Units', type: 'number', min: '1', step: '1', value: '1', required: true }],
      confirm: 'Restock',
      run: async ({ units }) => {
        const { id } = await this.#api.change('POST', path('rooms', room, 'assets', asset, 'restock'), { units });
        return done(`${asset} has ${count(units, 'unit')} more`, id);
      },
    });
  }

  release(room, asset, player) {
    this.#ask({
      title: `Release ${asset} for ${player}?`,
      text: `${player} loses the unit, and somebody else may get it.`,
      confirm: 'Release',
      isDangerous: true,
      run: async () => {
        const { id } = await this.#api.change('POST', path('rooms', room, 'assets', asset, 'release'), { player });
        return done(`${player} holds ${asset} no longer`, id);
      },
    });
  }

  reset(room) {
    this.#ask({
      title: `Reset ${room}?`,
      text: 'Everybody loses what they hold in this room, and each asset has the units of its creation again.',
      confirm: 'Reset',
      isDangerous: true,
      run: async () => {
        const { id, answer } = await this.#api.change('POST', path('rooms', room, 'reset'));
        return done(`${count(answer.reset.length, 'asset')} reset`, id);
      },
    });
  }

  removeAsset(room, asset, held) {
    this.#ask({
      title: `Remove ${asset}?`,
      text: held > 0 ? `${count(held, 'player')} ${held === 1 ? 'holds' : 'hold'} it and will not any more.` : 'Nobody holds it.',
      confirm: 'Remove',
      isDangerous: true,
      run: async () => {
        const { id } = await this.#api.change('DELETE', path('rooms', room, 'assets', asset));
        return done(`${asset} is removed`, id);
      },
    });
  }

  removeRoom(room, players) {
    this.#ask({
      title: `Remove ${room}?`,
      text: 'All its assets go, with what is held of them, and who is in it is disconnected for good: '
        + `${count(players, 'player')} now.`,
      confirm: 'Remove room',
      isDangerous: true,
      run: async () => {
        const { id } = await this.#api.change('DELETE', path('rooms', room));
        return done(`${room} is removed`, id);
      },
    });
  }

  /** Without a player the dialog asks for one. */
  kick(room, player) {
    const whom = player ? [] : [{ name: 'player', label: 'Player', required: true, ...PLAYER }];
    this.#ask({
      title: player ? `Kick ${player} from ${room}?` : `Kick a player from ${room}`,
      text: 'The player’s connections end, on all nodes. The player can join again.',
      fields: [...whom, { name: 'release', label: 'Also release what the player holds here', type: 'checkbox' }],
      confirm: 'Kick',
      isDangerous: true,
      run: async ({ release, player: named = player }) => {
        const query = release ? '?release=true' : '';
        const { id, answer } = await this.#api.change('DELETE', path('rooms', room, 'players', named) + query);
        const released = release ? `, ${count(answer.released.length, 'asset')} released` : '';
        return done(`${named} is kicked, ${count(answer.connections, 'connection')} here${released}`, id);
      },
    });
  }

  revoke(player) {
    this.#ask({
      title: `Revoke the tokens of ${player}?`,
      text: 'Every token of this player that was signed before now ends, on all nodes. The game’s backend can sign new ones.',
      confirm: 'Revoke',
      isDangerous: true,
      run: async () => {
        const { id } = await this.#api.change('POST', path('revocations'), { player });
        return done(`Tokens of ${player} are revoked`, id);
      },
    });
  }

  resumeWebhook() {
    this.#ask({
      title: 'Resume the webhook?',
      text: 'What waits is sent now, on all nodes. If the endpoint still refuses it, it may be paused again.',
      confirm: 'Resume',
      run: async () => {
        const { id } = await this.#api.change('POST', path('webhooks', 'resume'));
        return done('The webhook is resumed', id);
      },
    });
  }

  #ask({ run, ...question }) {
    ask({
      ...question,
      run: async (values) => {
        const said = await run(values);
        this.dispatchEvent(new Event('done'));
        return said;
      },
    });
  }
}

/** The id leads from the console to the line in the server's log. */
const done = (what, id) => `${what}. In the log: request_id ${id}`;
