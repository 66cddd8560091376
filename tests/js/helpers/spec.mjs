// Holds every frame of a real server against the `/asyncapi.json` that it serves.
import { require } from './deps.mjs';
import { whenListening } from './server.mjs';

const { default: Ajv } = require('ajv');

/** Validators by message type, by the port of the server. */
const servers = new Map();
/** Servers of one build serve one document. */
const compiled = new Map();

whenListening.push(readDocument);

async function readDocument(port) {
  const response = await fetch(`http://127.0.0.1:${port}/asyncapi.json`, { headers: { connection: 'close' } });
  const text = await response.text();
  if (!compiled.has(text)) compiled.set(text, compile(JSON.parse(text)));
  servers.set(String(port), compiled.get(text));
}

/** A WebSocket class that fails the test for a frame which is not as documented. */
export function checking(Socket) {
  return class extends Socket {
    constructor(url, protocols) {
      super(url, protocols);
      this.addEventListener('message', ({ data }) => check(url, String(data)));
    }
  };
}

function compile({ components }) {
  close(components);
  const ajv = new Ajv({ strict: false, validateFormats: false });
  const messages = Object.entries(components.messages);
  return new Map(messages.map(([type, { payload }]) => [type, ajv.compile({ components, allOf: [payload] })]));
}

/** Forbids every member that a schema does not name: a later server may send more, this one may not. */
function close(schema) {
  if (schema === null || typeof schema !== 'object') return;
  if (schema.type === 'object' && schema.properties && !Array.isArray(schema)) schema.additionalProperties ??= false;
  for (const inner of Object.values(schema)) close(inner);
}

/** Throws for a text frame of a real server at this URL that is not as documented. */
export function check(url, text) {
  const validators = servers.get(new URL(url).port);
  if (!validators) return;
  const frame = JSON.parse(text);
  const validate = validators.get(frame.type);
  if (!validate) throw new Error(`no word of this in the document: ${text}`);
  if (!validate(frame)) throw new Error(`not as documented: ${JSON.stringify(validate.errors)} in ${text}`);
}
