import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { EventId } from '../../../../shared/domain/ids';
import { allowSpawning, AN_EVENT, register, spawn, type TestAgent } from '../../../support/agents';
import type { Harness, TestPartner } from '../../../support/harness';
import { expectProblem } from '../../../support/problems';
import { sharedHarness } from '../../../support/shared-harness';

let h: Harness;
beforeAll(async () => {
  h = await sharedHarness();
});
afterAll(() => h.close());

const NAMES = ['partner', 'root', 'child', 'grandchild', 'sibling', 'other'] as const;
type Name = (typeof NAMES)[number];
interface Submitted {
  eventId: string;
  receiptId: string;
}

let partner: TestPartner;
let agents: Record<Exclude<Name, 'partner'>, TestAgent>;
let submitted: Record<Name, Submitted>;
const keyOf = (name: Name): string => (name === 'partner' ? partner.liveKey : agents[name].key);
const get = (path: string, name: Name) => h.client.get(`/v1${path}`, keyOf(name));
const setVisibility = (agentEventVisibility: string) => allowSpawning(h.client, partner, { agentEventVisibility });
const nameOf = (id: string): Name =>
  NAMES.find((name) => submitted[name].eventId === id || submitted[name].receiptId === id)!;

/** Returns who submitted the rows of a list, by following its pages. */
async function submittersIn(path: string, reader: Name, field: 'eventId' | 'receiptId' = 'eventId'): Promise<Name[]> {
  const found: Name[] = [];
  let cursor: string | null = null;
  do {
    const { status, body } = await get(`${path}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`, reader);
    expect(status).toBe(200);
    found.push(...(body.data as Submitted[]).map((row) => nameOf(row[field])));
    cursor = body.nextCursor;
  } while (cursor !== null);
  return found.sort((a, b) => NAMES.indexOf(a) - NAMES.indexOf(b));
}

beforeEach(async () => {
  partner = await h.partner();
  await setVisibility('PARTNER');
  const [root, other] = [await register(h.client, partner.liveKey), await register(h.client, partner.liveKey)];
  const child = await spawn(h.client, root.key, root.id);
  const sibling = await spawn(h.client, root.key, root.id);
  const grandchild = await spawn(h.client, child.key, child.id);
  agents = { root, child, grandchild, sibling, other };
  submitted = {} as typeof submitted;
  for (const name of NAMES) {
    const { body } = await h.client.post('/v1/events', keyOf(name), AN_EVENT);
    submitted[name] = { eventId: body.eventId, receiptId: body.receiptId };
    // Rejected, because the type is not in the catalog.
    await h.client.post('/v1/events', keyOf(name), { events: [{ ...AN_EVENT, eventType: 'mir.none.none' }] });
  }
  await h.ctx.rejections.flush();
  await h.drained();
});

const VISIBLE: Partial<Record<Name, Name[]>> = {
  root: ['root', 'child', 'grandchild', 'sibling'],
  child: ['child', 'grandchild'],
  grandchild: ['grandchild'],
  other: ['other'],
};

describe('what agents can read', () => {
  it('is everything of the partner by default', async () => {
    expect(await submittersIn('/events?limit=2', 'grandchild')).toEqual(NAMES);
    expect((await get(`/events/${submitted.other.eventId}`, 'grandchild')).status).toBe(200);
    expect(await submittersIn('/events/receipts?limit=2', 'grandchild', 'receiptId')).toEqual(NAMES);
  });

  it('is only their own and their descendants’ events with SUBTREE, whatever filter they use', async () => {
    await setVisibility('SUBTREE');
    const filters = ['limit=1', 'limit=100', 'userExternalId=u-1', `eventType=${AN_EVENT.eventType}`];
    for (const [reader, visible] of Object.entries(VISIBLE) as [Name, Name[]][]) {
      for (const filter of filters) expect(await submittersIn(`/events?${filter}`, reader)).toEqual(visible);
      for (const name of NAMES) {
        const isVisible = visible.includes(name);
        const { eventId, receiptId } = submitted[name];
        const own = isVisible ? [name] : [];
        expect(await submittersIn(`/events?receiptId=${receiptId}`, reader)).toEqual(own);
        if (name !== 'partner') expect(await submittersIn(`/events?agentId=${agents[name].id}`, reader)).toEqual(own);
        expect([reader, name, (await get(`/events/${eventId}`, reader)).status]).toEqual([
          reader,
          name,
          isVisible ? 200 : 404,
        ]);
        expect((await get(`/events/receipts/${receiptId}`, reader)).status).toBe(isVisible ? 200 : 404);
      }
      expect(await submittersIn('/events/receipts?limit=1', reader, 'receiptId')).toEqual(visible);
      const { body } = await get('/rejected-events', reader);
      expect(body.data.map(({ agentId }: { agentId: string }) => agentId)).toEqual([
        agents[reader as Exclude<Name, 'partner'>].id,
      ]);
    }
    expect(await submittersIn('/events?limit=2', 'partner')).toEqual(NAMES);
    expect(await submittersIn('/events/receipts?limit=2', 'partner', 'receiptId')).toEqual(NAMES);
    expect((await get('/rejected-events', 'partner')).body.data).toHaveLength(NAMES.length);
  });

  it('returns the same 404 for a hidden event and receipt as for unknown ones', async () => {
    await setVisibility('SUBTREE');
    const hidden = await get(`/events/${submitted.root.eventId}`, 'child');
    expectProblem(hidden, 404, 'NOT_FOUND');
    expect(hidden.body.detail).toBe((await get('/events/evt_live_none', 'child')).body.detail);
    const receipt = await get(`/events/receipts/${submitted.root.receiptId}`, 'child');
    expect(receipt.body.detail).toBe((await get('/events/receipts/rcpt_live_none', 'child')).body.detail);
  });

  it('does not follow from a cursor that the partner got', async () => {
    const { body } = await get('/events/receipts?limit=1', 'partner');
    await setVisibility('SUBTREE');
    const path = `/events/receipts?limit=1&cursor=${encodeURIComponent(body.nextCursor)}`;
    expectProblem(await get(path, 'grandchild'), 422, 'VALIDATION_FAILED');
  });

  it('leaves out descendants’ events that an earlier version stored without their ancestors', async () => {
    const { eventId } = submitted.child;
    await h.ctx.store.events.model.updateOne({ _id: eventId as EventId }, { $unset: { agentAncestors: 1 } });
    await setVisibility('SUBTREE');
    expect(await submittersIn('/events?limit=2', 'root')).toEqual(['root', 'grandchild', 'sibling']);
    expect(await submittersIn('/events?limit=2', 'child')).toEqual(['child', 'grandchild']);
  });
});
