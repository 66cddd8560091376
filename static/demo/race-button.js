import { byId, enable, onPress, write } from './dom.js';
import { newRace, sortOut } from './race.js';

/** Races kept in the room. Starting a race removes the assets of older ones. */
const KEPT_RACES = 10;

/** The “Race!” button. Creates the assets of a race and asks for the admin key if needed. */
export class RaceButton {
  #admin;
  #now;
  #paint;
  #button = byId('race');
  #form = byId('admin');
  #field = byId('admin-key');
  #error = byId('race-error');
  #busy = false;

  constructor({ admin, now, assets, paint, signal }) {
    this.#admin = admin;
    this.#now = now;
    this.#paint = paint;
    this.#close();
    onPress(this.#button, () => this.#start(assets()), { signal });
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#admin.key = this.#field.value.trim();
      this.#start(assets());
    }, { signal });
    this.#form.addEventListener('keydown', ({ key }) => key === 'Escape' && this.#dismiss(), { signal });
  }

  draw({ connected, counting }) {
    enable(this.#button, connected && !counting && !this.#busy);
  }

  async #start(assets) {
    if (this.#busy) return;
    this.#busy = true;
    this.#paint();
    try {
      await this.#create();
      this.#tidy(assets);
    } catch (error) {
      this.#explain(error);
    }
    this.#busy = false;
    this.#paint();
  }

  async #create() {
    const [first, ...others] = newRace(this.#now());
    // The first asset is created alone, so that a refusal is shown once and not for every asset.
    await this.#admin.create(first.asset, first.units);
    const results = await Promise.allSettled(others.map(({ asset, units }) => this.#admin.create(asset, units)));
    const failed = results.find(({ status }) => status === 'rejected');
    if (failed) throw failed.reason;
    this.#close();
  }

  #close() {
    this.#form.hidden = true;
    this.#field.value = '';
    write(this.#error, '');
  }

  /** The user does not answer the question for the key. */
  #dismiss() {
    this.#close();
    this.#button.focus();
  }

  #explain(error) {
    const known = error.needsKey && !this.#form.hidden;
    this.#form.hidden = !error.needsKey;
    if (!error.needsKey) return write(this.#error, `No race: ${error.message}`);
    write(this.#error, known
      ? 'That key was refused. Creating assets needs the admin key of this server.'
      : 'Creating assets needs the admin key of this server.');
    this.#field.focus();
  }

  /** Runs in the background. Failures are ignored, because the next race tries again. */
  #tidy(assets) {
    const old = sortOut(assets, this.#now()).races.slice(KEPT_RACES - 1).flatMap((race) => race.assets);
    for (const { asset } of old) this.#admin.remove(asset).catch(() => {});
  }
}
