/**
 * A class of WebSocket for the library, through which the page hears every frame and every message, too, and can cut the
 * connection. `hear(frame)` is called before the library gets the frame, `sent(message, socket)` after a message was sent.
 */
export function tapped({ hear, sent = () => {} }) {
  return class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols);
      this.addEventListener('message', ({ data }) => hear(JSON.parse(data)));
    }

    send(text) {
      super.send(text);
      sent(JSON.parse(text), this);
    }

    /** Ends the connection without the goodbye that the library would wait for. What is on its way to the page is lost. */
    cut() {
      const { onclose } = this;
      this.close();
      onclose?.call(this, { code: 1006, reason: '' });
    }
  };
}
