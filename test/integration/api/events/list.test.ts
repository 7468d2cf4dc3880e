import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EventDoc } from '../../../../shared/store/events';
import type { EventId, Tenant } from '../../../../shared/domain/ids';
import { anEvent, someEvents } from '../../../support/builders';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { errorsOf, expectProblem } from '../../../support/problems';
import { pipelinedPosts } from '../../../support/raw-request';
import { rawCollection } from '../../../support/raw-collection';

const EVENTS = 2_000;

let mir: Harness;
let partner: TestPartner;
let batchReceipt: string;
let single: { eventId: string; receiptId: string; receivedAt: string };
beforeAll(async () => {
  mir = await sharedHarness();
  partner = await mir.partner();
  const batch = await mir.client.post('/v1/events', partner.liveKey, { events: someEvents(EVENTS) });
  batchReceipt = batch.body.receiptId;
  await mir.drained();
  const event = anEvent({ userExternalId: 'u-7', eventType: 'mir.review.posted' });
  const otherEvent = anEvent({ userExternalId: 'u-other' });
  const [one] = await pipelinedPosts(mir.url, '/v1/events', partner.liveKey, [event, otherEvent]);
  single = one!.body as typeof single;
  await mir.drained();
  const tenant = `${partner.partnerId}:live` as Tenant;
  const [stored] = await mir.ctx.store.events.model.find({ tenant }).limit(1).lean<EventDoc[]>();
  const receivedAt = new Date('2020-01-01');
  const agentEvent = { ...stored!, _id: 'evt_live_agent' as EventId, agentId: 'agt_1', receivedAt };
  await rawCollection(mir.ctx.store.events.model).insertOne(agentEvent);
});
afterAll(() => mir.close());

const list = (query: string) => mir.client.get(`/v1/events?${query}`, partner.liveKey);
const idsOf = ({ body }: { body: { data: { eventId: string }[] } }): string[] =>
  body.data.map(({ eventId }) => eventId);

async function listAll(query: string): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await list(cursor === null ? query : `${query}&cursor=${cursor}`);
    expect(page.status).toBe(200);
    ids.push(...idsOf(page));
    cursor = page.body.nextCursor as string | null;
  } while (cursor !== null);
  return ids;
}

describe('GET /v1/events', () => {
  it.each([500, 137])('lists every event in a large batch exactly once, in pages of %i', async (limit) => {
    const ids = await listAll(`limit=${limit}`);
    expect(ids).toHaveLength(EVENTS + 3);
    expect(new Set(ids).size).toBe(EVENTS + 3);
  });

  it('does not skip or repeat events when new events arrive between pages', async () => {
    const { liveKey } = await mir.partner();
    await mir.client.post('/v1/events', liveKey, { events: someEvents(10) });
    await mir.drained();
    const first = await mir.client.get('/v1/events?limit=4', liveKey);
    await mir.client.post('/v1/events', liveKey, { events: someEvents(5) });
    await mir.drained();
    const rest = await mir.client.get(`/v1/events?limit=500&cursor=${first.body.nextCursor}`, liveKey);
    expect(new Set([...idsOf(first), ...idsOf(rest)]).size).toBe(10);
    expect(rest.body.nextCursor).toBeNull();
  });

  it('returns a null nextCursor when a page ends with the last event', async () => {
    const page = await list('userExternalId=u-7&limit=2');
    expect(page.body.data).toHaveLength(2);
    expect(page.body.nextCursor).toBeNull();
  });

  it('lists the newest events first and returns userExternalId only when it is used as a filter', async () => {
    const newest = await list('limit=2');
    expect(newest.body.data[0].receivedAt >= newest.body.data[1].receivedAt).toBe(true);
    expect(idsOf(newest)).toContain(single.eventId);
    expect(newest.body.data.filter((event: object) => 'userExternalId' in event)).toEqual([]);
    const filtered = await list('userExternalId=u-7');
    expect(filtered.body.data.map((event: { userExternalId: string }) => event.userExternalId)).toEqual(['u-7', 'u-7']);
  });

  it.each<[string, () => string, number]>([
    ['userExternalId', () => 'userExternalId=u-7', 2],
    ['an unknown userExternalId', () => 'userExternalId=unknown', 0],
    ['eventType', () => 'eventType=mir.review.posted', 1],
    ['agentId', () => 'agentId=agt_1', 1],
    ['receiptId of a single event in a shared chunk', () => `receiptId=${single.receiptId}`, 1],
    ['receiptId of a batch', () => `receiptId=${batchReceipt}`, EVENTS],
    ['from, inclusive', () => `from=${single.receivedAt}`, 2],
    ['to, exclusive', () => `to=${single.receivedAt}`, EVENTS + 1],
    ['an empty time range', () => `from=${single.receivedAt}&to=${single.receivedAt}`, 0],
    ['two filters together', () => `userExternalId=u-7&eventType=mir.review.posted`, 1],
  ])('filters by %s', async (_what, query, count) => {
    expect(await listAll(`limit=500&${query()}`)).toHaveLength(count);
  });

  it.each([
    ['no signature', 'WzE3OTU0Nzc3NjM4ODQsImV2dCJd'],
    ['a wrong signature', 'WzE3OTU0Nzc3NjM4ODQsImV2dCJd.AAAAAAAAAAAAAAAA'],
    ['only a dot', '.'],
    ['an empty value', ''],
    ['more than 512 characters', 'A'.repeat(513)],
    ['a repeated parameter', 'a&cursor=b'],
  ])('rejects an invalid cursor with 422: %s', async (_what, cursor) => {
    const response = await list(`cursor=${cursor}`);
    expectProblem(response, 422, 'VALIDATION_FAILED');
    expect(errorsOf(response)[0]).toMatch(/^cursor /);
  });

  it('rejects a cursor with a changed character or appended text', async () => {
    const cursor: string = (await list('limit=1')).body.nextCursor;
    const other = (char: string): string => (char === 'A' ? 'B' : 'A');
    const changed = [0, 5, cursor.length - 2, cursor.length - 1].map(
      (at) => cursor.slice(0, at) + other(cursor[at]!) + cursor.slice(at + 1),
    );
    for (const forged of [...changed, `${cursor}.x`, `${cursor}A`]) {
      expectProblem(await list(`cursor=${forged}`), 422, 'VALIDATION_FAILED');
    }
  });

  it.each(['1', '500'])('accepts limit=%s', async (limit) => {
    expect((await list(`limit=${limit}`)).body.data).toHaveLength(Number(limit));
  });

  it('returns 50 events per page by default', async () => {
    expect((await list('')).body.data).toHaveLength(50);
  });

  it.each([
    ['limit=0', 'limit TOO_SMALL'],
    ['limit=501', 'limit TOO_BIG'],
    ['limit=-1', 'limit TOO_SMALL'],
    ['limit=1.5', 'limit INVALID_TYPE'],
    ['limit=ten', 'limit INVALID_TYPE'],
    ['limit=', 'limit TOO_SMALL'],
    ['from=yesterday', 'from INVALID_FORMAT'],
    ['to=2026-01-31', 'to INVALID_FORMAT'],
    ['userExternalId=', 'userExternalId TOO_SMALL'],
    ['userExternalId[$ne]=1', 'userExternalId[$ne] UNKNOWN_FIELD'],
    ['eventType=a&eventType=b', 'eventType INVALID_TYPE'],
    ['__proto__=1', '__proto__ UNKNOWN_FIELD'],
    ['sort=weight', 'sort UNKNOWN_FIELD'],
  ])('rejects an invalid query with 422: %s', async (query, error) => {
    const response = await list(query);
    expectProblem(response, 422, 'VALIDATION_FAILED');
    expect(errorsOf(response)).toEqual([error]);
  });
});
