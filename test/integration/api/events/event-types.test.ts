import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openRuntime } from '../../../../shared/runtime';
import { readConfig } from '../../../../shared/config/config';
import { anEvent } from '../../../support/builders';
import { freshEnv, type Harness, startHarness } from '../../../support/harness';

/** The contract's catalog. */
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
  const file = fileOf('own.json', '{"mir.delivery.late":"A delivery came after its promised day."}');
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

describe('GET /event-types', () => {
  it('anybody may read the catalog: every type of the contract, each with a sentence', async () => {
    const { status, body } = await mir.client.get('/v1/event-types');
    expect(status).toBe(200);
    const types = new Map(body.data.map((entry: { eventType: string; meaning: string }) => [entry.eventType, entry]));
    const named = Object.entries(CATALOG).flatMap(([category, actions]) => actions.map((a) => `mir.${category}.${a}`));
    expect(new Set(types.keys())).toEqual(new Set([...named, 'mir.delivery.late']));
    expect(body.data).toHaveLength(types.size);
    for (const { meaning } of types.values() as Iterable<{ meaning: string }>) expect(meaning).toMatch(/^[A-Z].+\.$/);
  });

  it('every type of the catalog is accepted in an event, the operator’s own too', async () => {
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
      meaning: 'A delivery came after its promised day.',
    });
  });

  it.each([
    ['not JSON', '{"mir.a.b":', /Cannot read CATALOG_FILE .* as JSON/],
    ['a list', '["mir.a.b"]', /is not a valid catalog/],
    ['a name that is no event type', '{"delivery.late":"Text."}', /delivery\.late.*mir\.category\.action/],
    ['a meaning that is no text', '{"mir.delivery.late":7}', /mir\.delivery\.late/],
    ['an empty meaning', '{"mir.delivery.late":""}', /mir\.delivery\.late/],
  ])('a broken CATALOG_FILE refuses the start and says why: %s', async (what, text, says) => {
    const file = fileOf(`${what}.json`, text);
    const opening = openRuntime(readConfig(freshEnv({ CATALOG_FILE: file })), 'api');
    const error = await opening.then(
      (runtime) => runtime.close().then(() => new Error('it started')),
      (error: Error) => error,
    );
    expect(error.message).toMatch(says);
    expect(error.message).toContain(`CATALOG_FILE ${file}`);
  });

  it('a CATALOG_FILE that is not there refuses the start and names it', async () => {
    const file = join(folder, 'nowhere.json');
    await expect(openRuntime(readConfig(freshEnv({ CATALOG_FILE: file })), 'api')).rejects.toThrow(
      `Cannot read CATALOG_FILE ${file}`,
    );
  });
});
