import { describe, expect, it } from '@jest/globals';
import type { EventId, Tenant, UserRef } from '../../../../shared/domain/ids';
import { serverEventId } from '../../../../shared/domain/event-id';
import {
  decodeChunk,
  encodeChunk,
  type EventChunk,
  eventsQueue,
  isRedacted,
  redactRows,
} from '../../../../shared/queue/event-chunk';

const TENANT = 'prt_abcdefgh2345:live' as Tenant;
const FACTS = {
  chunkId: 'c1' as EventChunk['chunkId'],
  tenant: TENANT,
  agentId: null,
  receivedAtMs: 1_790_000_000_000,
};
const CHUNK: EventChunk = {
  ...FACTS,
  requestIds: ['r1'],
  shared: false,
  keyedIds: true,
  events: [
    {
      index: 0,
      eventId: serverEventId(TENANT, FACTS.chunkId, 0),
      userRef: 'usr_1' as UserRef,
      eventType: 'mir.review.posted',
      occurredAtMs: 1_780_000_000_000,
      weight: 2,
      metadata: { note: 'x' },
      fingerprint: null,
    },
    {
      index: 3,
      eventId: 'evt_live_keyed' as EventId,
      userRef: 'usr_2' as UserRef,
      eventType: 'mir.transaction.completed',
      occurredAtMs: null,
      weight: null,
      metadata: null,
      fingerprint: 'f2',
    },
    {
      index: 4,
      eventId: serverEventId(TENANT, FACTS.chunkId, 4),
      userRef: 'usr_1' as UserRef,
      eventType: 'mir.review.posted',
      occurredAtMs: 1_779_999_999_000,
      weight: 0,
      metadata: {},
      fingerprint: null,
    },
  ],
};
const throughRedis = (payload: object): { data: unknown } => ({ data: JSON.parse(JSON.stringify(payload)) });

describe('event chunks', () => {
  it('decodes exactly what was encoded', () => {
    const job = throughRedis(eventsQueue.encode(encodeChunk(CHUNK)));
    expect(decodeChunk(eventsQueue.parse(job))).toEqual(CHUNK);
  });

  it('stores each event type and the time base only once', () => {
    const { types, baseMs, events } = encodeChunk(CHUNK);
    expect({ types, baseMs }).toEqual({
      types: ['mir.review.posted', 'mir.transaction.completed'],
      baseMs: 1_780_000_000_000,
    });
    expect(events.map((row) => row.slice(3, 5))).toEqual([
      [0, 0],
      [1, null],
      [0, -1_000],
    ]);
  });

  it('reads chunks that version 1 queued, including redacted rows', () => {
    const rows = [
      [0, null, 'usr_1', 'mir.review.posted', 1_780_000_000_000, 2, { note: 'x' }, null],
      [3, 'evt_live_keyed', 'usr_2', 'mir.transaction.completed', null, null, null, 'f2'],
      [4, null, 'usr_3', 'erased', null, null, null, null],
    ];
    const facts = { v: 1, ...FACTS, requestIds: ['r1'], shared: false, keyedIds: true };
    const payload = eventsQueue.parse(throughRedis({ ...facts, events: rows }));
    expect(payload.events.map(isRedacted)).toEqual([false, false, true]);
    const { events } = decodeChunk(payload);
    expect(events.slice(0, 2)).toEqual(CHUNK.events.slice(0, 2));
    expect(events[2]).toMatchObject({ index: 4, userRef: 'usr_3', eventType: 'erased', metadata: null });
    expect(eventsQueue.encode(payload)).toMatchObject({ v: 2 });
  });

  it('redacts the content of chosen rows and leaves the others unchanged', () => {
    const payload = encodeChunk(CHUNK);
    const redacted = redactRows(payload, ([, , userRef]) => userRef === 'usr_2');
    expect(redacted.events.map(isRedacted)).toEqual([false, true, false]);
    expect(JSON.stringify(redacted)).not.toContain('f2');
    expect(redacted.events[0]).toEqual(payload.events[0]);
    expect(decodeChunk(redacted).events[1]).toMatchObject({ eventType: 'erased', fingerprint: 'erased' });
  });

  it('rejects a row whose event type is missing from the chunk', () => {
    const payload = { ...encodeChunk(CHUNK), types: ['mir.review.posted'] };
    expect(() => decodeChunk(payload)).toThrow('no event type 1');
  });
});
