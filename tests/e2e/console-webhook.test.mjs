// The webhook in the console: its state on every screen, what waits, and the action that resumes it.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { asAdmin, keyFlags, openConsole, REFUSED, SHAPES } from './helpers/console.mjs';
import { newRoom, suite } from './helpers/suite.mjs';

let status = 410;
let events = 0;
const receiver = createServer(async (request, response) => {
  let body = '';
  for await (const piece of request) body += piece;
  if (status === 200) events += JSON.parse(body).events.length;
  response.writeHead(status).end();
});
await new Promise((listens) => { receiver.listen(0, '127.0.0.1', listens); });
after(() => receiver.close() && receiver.closeAllConnections());

const folder = await mkdtemp(join(tmpdir(), 'asset-arbiter-e2e-'));
after(() => rm(folder, { recursive: true }));
const secret = join(folder, 'webhook.secret');
await writeFile(secret, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n', { mode: 0o600 });
const url = `http://127.0.0.1:${receiver.address().port}/of-the-game/hook_with_a_name_that_is_longer_than_a_phone_is_wide`;
const parts = suite({
  args: [...await keyFlags(), '--events', 'on', '--webhook', `${url}?token=hunter2`, '--webhook-secret-file', secret],
  browser: { reducedMotion: 'reduce' },
  except: REFUSED,
});

test('a paused webhook says why, a viewer cannot resume it, and an admin can', async () => {
  await asAdmin(parts.server, 'PUT', `/v1/rooms/${newRoom()}/assets/sword`, { units: 1 });
  const viewer = await openConsole(parts, { role: 'viewer', view: 'health' });
  const panel = viewer.page.getByRole('region', { name: 'Webhook' });
  await panel.getByText('Paused since', { exact: false }).waitFor();
  await panel.getByText('410 Gone', { exact: false }).first().waitFor();
  await panel.getByText('1 event known to wait').waitFor();
  assert.ok(!(await panel.innerText()).includes('hunter2'));
  assert.equal(await panel.getByRole('button', { name: 'Resume' }).count(), 0);

  const admin = await openConsole(parts, { role: 'admin', view: 'health' });
  status = 200;
  await admin.button('Resume').focus();
  await admin.page.keyboard.press('Enter');
  await admin.confirm('The webhook is resumed. In the log: request_id ');
  const own = admin.page.getByRole('region', { name: 'Webhook' });
  await own.getByText('No event is known to wait').waitFor();
  await own.getByText('Active').waitFor();
  await admin.page.waitForFunction(() => document.activeElement.textContent === 'Webhook');
  assert.equal(await own.getByRole('button', { name: 'Resume' }).count(), 0, 'there is nothing to resume');
  await own.getByText(url).waitFor();
  assert.equal(events, 1);
});

test('every state of the webhook fits every screen and has no violation', async () => {
  const consoles = {};
  for (const [shape, options] of Object.entries(SHAPES)) {
    consoles[shape] = await openConsole(parts, { role: 'admin', view: 'health', options });
  }
  const look = async (state) => {
    for (const [shape, { page }] of Object.entries(consoles)) {
      await page.getByRole('region', { name: 'Webhook' }).getByText(state, { exact: false }).waitFor();
      await consoles[shape].assertLegible(`the webhook: ${state}, ${shape}`);
    }
  };
  await look('Active');
  status = 500;
  await asAdmin(parts.server, 'PUT', `/v1/rooms/${newRoom()}/assets/sword`, { units: 1 });
  await look('Failing since');
  status = 410;
  await asAdmin(parts.server, 'POST', '/v1/webhooks/resume');
  await look('Paused since');
});
