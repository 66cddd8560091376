// The documents that the server serves, by the schemas that the makers of OpenAPI and AsyncAPI publish.
import assert from 'node:assert/strict';
import test from 'node:test';
import { pathToFileURL } from 'node:url';

import { require } from '../js/helpers/deps.mjs';
import { startServer } from '../js/helpers/server.mjs';

const { Validator } = await import(pathToFileURL(require.resolve('@seriousme/openapi-schema-validator')));
const Ajv = require('ajv').default;
const asyncapi = require('@asyncapi/specs').schemas['3.0.0'];

test('the OpenAPI document is valid', async (t) => {
  const document = await served(t, '/openapi.json');
  assert.equal(document.openapi, '3.1.0');
  assert.deepEqual(await openapiErrors(document), []);
  delete document.paths['/healthz'].get.responses;
  document.paths['/readyz'].get.parameters = [{ name: 'x' }];
  assert.notDeepEqual(await openapiErrors(document), [], 'a document that is not valid is refused');
});

test('the AsyncAPI document is valid', async (t) => {
  const document = await served(t, '/asyncapi.json');
  assert.equal(document.asyncapi, '3.0.0');
  const ajv = new Ajv({ meta: false, validateSchema: false, strict: false, validateFormats: false, allErrors: true });
  const validate = ajv.compile(asyncapi);
  validate(document);
  assert.deepEqual(validate.errors ?? [], []);
  document.operations.ping.action = 'ask';
  assert.equal(validate(document), false, 'a document that is not valid is refused');
});

async function served(t, path) {
  const server = await startServer(t);
  return server.http('GET', path);
}

async function openapiErrors(document) {
  const { errors } = await new Validator().validate(document);
  return errors ?? [];
}
