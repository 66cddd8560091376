// npm packages may live outside the checkout: ARBITER_TEST_NODE_MODULES names the folder of an `npm ci`
// (or its node_modules); without it the usual look-up from this folder applies.
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const folder = process.env.ARBITER_TEST_NODE_MODULES;

export const require = createRequire(folder ? join(resolve(folder), 'here.cjs') : import.meta.url);
