import { byId, write } from './dom.js';
import { fromAddress } from './address.js';
import { nearest, problemWith, randomPlayer } from './names.js';

/** The form for a name and a room. Marks names that the server would refuse. */
export class JoinForm {
  #form = byId('join-form');
  #view = byId('join');
  #fields = ['player', 'room'].map((name) => new Field(name));

  /** `enter({player, room})` is called with valid names. `named`: the player whom a token names, or ''. */
  constructor(enter, named) {
    if (named) this.#fields[0].settle(named);
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      const wrong = this.#fields.find((field) => !field.check());
      if (wrong) return wrong.focus();
      enter(Object.fromEntries(this.#fields.map(({ name, value }) => [name, value])));
    });
  }

  /** Shows the form, with a message if there is one. */
  show(message = '') {
    const { room, player } = fromAddress();
    const [name, place] = this.#fields;
    name.value ||= player || randomPlayer();
    place.value = room || place.value || 'lobby';
    this.#view.hidden = false;
    write(byId('join-title'), room ? `Join ${room}` : 'Join a room');
    write(byId('join-error'), message);
    this.#fields.forEach((field) => field.check());
    name.focus();
  }

  hide() {
    this.#view.hidden = true;
  }
}

/** One input with its error and, if there is a similar valid name, a button that takes it. */
class Field {
  #input;
  #error;
  #fix;

  constructor(name) {
    this.name = name;
    this.#input = byId(name);
    this.#error = byId(`${name}-error`);
    this.#fix = byId(`${name}-fix`);
    this.#input.addEventListener('input', () => this.check());
    this.#fix.addEventListener('click', () => {
      this.value = nearest(this.name, this.value);
      this.check();
      this.focus();
    });
  }

  get value() {
    return this.#input.value;
  }

  set value(text) {
    this.#input.value = text;
  }

  /** Sets a value that cannot be changed. */
  settle(text) {
    this.value = text;
    this.#input.readOnly = true;
  }

  focus() {
    this.#input.focus();
  }

  check() {
    const problem = problemWith(this.name, this.value);
    const near = problem && nearest(this.name, this.value);
    write(this.#error, problem ?? '');
    this.#input.setAttribute('aria-invalid', String(problem !== null));
    this.#fix.hidden = !near;
    write(this.#fix, near ? `Use ${near}` : '');
    return problem === null;
  }
}
