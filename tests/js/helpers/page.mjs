// A fake page: a window and a document that fire events. It cannot show which of them a browser fires when; the tests in
// Chromium do.

/** Runs `body`, which may be async, with a page in the global scope, for the rooms that it joins. */
export function withPage(body) {
  const page = new Page();
  const before = ['addEventListener', 'removeEventListener', 'document'].map((name) => [name, globalThis[name]]);
  const { window } = page;
  globalThis.addEventListener = window.addEventListener.bind(window);
  globalThis.removeEventListener = window.removeEventListener.bind(window);
  globalThis.document = page.document;
  const restore = () => {
    for (const [name, value] of before) {
      if (value === undefined) delete globalThis[name];
      else globalThis[name] = value;
    }
  };
  let pending;
  try {
    pending = body(page)?.finally(restore);
    return pending;
  } finally {
    if (!pending) restore();
  }
}

class Page {
  window = new Target();
  document = Object.assign(new Target(), { visibilityState: 'visible' });

  /** How many listeners there are. */
  get listeners() { return this.window.listeners + this.document.listeners; }

  online() { this.window.fire('online'); }
  offline() { this.window.fire('offline'); }

  turn(visibilityState) {
    this.document.visibilityState = visibilityState;
    this.document.fire('visibilitychange');
  }

  freeze() { this.document.fire('freeze'); }
  resume() { this.document.fire('resume'); }

  /** A navigation away from the page, which may go into the back/forward cache. */
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
