import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openRuntime } from '../../../../shared/runtime';
import { readConfig } from '../../../../shared/config/config';
import { anEvent } from '../../../support/builders';
import { freshEnv, type Harness, startHarness } from '../../../support/harness';

/** Event types in the public contract, by category. */
const CATALOG = {
  transaction: ['initiated', 'completed', 'fulfilled', 'cancelled', 'refunded', 'disputed', 'chargeback'],
  project: ['started', 'completed', 'cancelled'],
  content: ['posted', 'edited', 'removed', 'reported'],
  review: ['posted', 'edited', 'removed'],
  moderation: ['warned', 'restricted', 'reinstated', 'appealed'],
  message: ['sent', 'received'],
  response: ['provided'],
  account: ['created', 'updated', 'verified', 'suspended', 'reinstated', 'closed'],
  verification: ['email', 'phone', 'identity', 'address'],
  subscription: ['started', 'renewed', 'changed', 'cancelled'],
  session: ['started'],
};

let mir: Harness;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mir-catalog-'));
  const file = fileOf('own.json', '{"mir.delivery.late":"The delivery arrived after the promised date."}');
  mir = await startHarness({ workers: false, env: { CATALOG_FILE: file } });
});
afterAll(async () => {
  await mir.close();
  rmSync(folder, { recursive: true });
});

function fileOf(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

describe('GET /v1/event-types', () => {
  it('returns every event type with its meaning, without requiring an API key', async () => {
    const { status, body } = await mir.client.get('/v1/event-types');
    expect(status).toBe(200);
    const types = new Map(body.data.map((entry: { eventType: string; meaning: string }) => [entry.eventType, entry]));
    const named = Object.entries(CATALOG).flatMap(([category, actions]) => actions.map((a) => `mir.${category}.${a}`));
    expect(new Set(types.keys())).toEqual(new Set([...named, 'mir.delivery.late']));
    expect(body.data).toHaveLength(types.size);
    for (const { meaning } of types.values() as Iterable<{ meaning: string }>) expect(meaning).toMatch(/^[A-Z].+\.$/);
  });

  it("returns only event types that POST /v1/events accepts, including the operator's custom types", async () => {
    const { liveKey } = await mir.partner();
    const { body } = await mir.client.get('/v1/event-types');
    const events = body.data.map(({ eventType }: { eventType: string }) => anEvent({ eventType }));
    const sent = await mir.client.post('/v1/events', liveKey, { events });
    expect(sent.body).toMatchObject({ accepted: events.length, rejected: 0, errors: [] });
    expect(body.data).toContainEqual({
      eventType: 'mir.delivery.late',
      group: 'custom',
      category: 'delivery',
      action: 'late',
      meaning: 'The delivery arrived after the promised date.',
    });
  });
});

describe('CATALOG_FILE', () => {
  it.each([
    ['not JSON', '{"mir.a.b":', /Cannot read CATALOG_FILE .* as JSON/],
    ['an array', '["mir.a.b"]', /is not a valid catalog/],
    ['an invalid event type', '{"delivery.late":"Text."}', /delivery\.late.*mir\.<category>\.<action>/],
    ['a meaning that is not a string', '{"mir.delivery.late":7}', /mir\.delivery\.late/],
    ['an empty meaning', '{"mir.delivery.late":""}', /mir\.delivery\.late/],
  ])('prevents startup when the catalog file is invalid, and reports the problem: %s', async (what, text, reason) => {
    const file = fileOf(`${what}.json`, text);
    const opening = openRuntime(readConfig(freshEnv({ CATALOG_FILE: file })), 'api');
    const error = await opening.then(
      (runtime) => runtime.close().then(() => new Error('startup succeeded')),
      (error: Error) => error,
    );
    expect(error.message).toMatch(reason);
    expect(error.message).toContain(`CATALOG_FILE ${file}`);
  });

  it('prevents startup when the catalog file does not exist, and reports its path', async () => {
    const file = join(folder, 'missing.json');
    await expect(openRuntime(readConfig(freshEnv({ CATALOG_FILE: file })), 'api')).rejects.toThrow(
      `Cannot read CATALOG_FILE ${file}`,
    );
  });
});
