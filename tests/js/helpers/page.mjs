// A page around the library, as far as it looks at one: a window, a document, and the events that browsers fire.
// It cannot show which of them a browser fires when; the tests in Chromium do.

/** Runs `body` with a page around it; rooms joined in it take it for theirs. */
export function withPage(body) {
  const page = new Page();
  const before = ['addEventListener', 'removeEventListener', 'document'].map((name) => [name, globalThis[name]]);
  const { window } = page;
  globalThis.addEventListener = window.addEventListener.bind(window);
  globalThis.removeEventListener = window.removeEventListener.bind(window);
  globalThis.document = page.document;
  try {
    return body(page);
  } finally {
    for (const [name, value] of before) if (value === undefined) delete globalThis[name]; else globalThis[name] = value;
  }
}

class Page {
  window = new Target();
  document = Object.assign(new Target(), { visibilityState: 'visible' });

  /** Listeners that are on now. */
  get listeners() { return this.window.listeners + this.document.listeners; }

  online() { this.window.fire('online'); }
  offline() { this.window.fire('offline'); }

  turn(visibilityState) {
    this.document.visibilityState = visibilityState;
    this.document.fire('visibilitychange');
  }

  freeze() { this.document.fire('freeze'); }
  resume() { this.document.fire('resume'); }

  /** The page is left: for good, or kept to go back to. */
  hide({ persisted }) {
    this.window.fire('pagehide', { persisted });
    this.turn('hidden');
    if (persisted) this.freeze();
  }

  show({ persisted }) {
    if (persisted) this.resume();
    this.window.fire('pageshow', { persisted });
    this.turn('visible');
  }
}

/** An event target that counts. */
class Target extends EventTarget {
  listeners = 0;

  addEventListener(...given) {
    this.listeners += 1;
    super.addEventListener(...given);
  }

  removeEventListener(...given) {
    this.listeners -= 1;
    super.removeEventListener(...given);
  }

  fire(type, fields = {}) { this.dispatchEvent(Object.assign(new Event(type), fields)); }
}
