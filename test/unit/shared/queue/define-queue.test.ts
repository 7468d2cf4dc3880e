import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineQueue } from '../../../../shared/queue/define-queue';
import { type EventChunkPayload, eventsQueue } from '../../../../shared/queue/event-chunk';
import { QUEUES } from '../../../../shared/queue/queues';

const schema = z.object({ to: z.object({ name: z.string(), city: z.string() }) });
const options = { removeOnComplete: true, removeOnFail: true } as const;
const first = defineQueue({ name: 'letters', version: 1, schema: z.object({ name: z.string() }), options });
const second = defineQueue({
  name: 'letters',
  version: 2,
  schema,
  options,
  older: { 1: z.object({ name: z.string() }).transform(({ name }) => ({ to: { name, city: 'unknown' } })) },
});

describe('defineQueue', () => {
  it('gives workers the payload that producers queued', () => {
    const payload = { to: { name: 'Ana', city: 'Porto' } };
    const { name, data, opts } = second.job(payload, { jobId: 'one' });
    expect({ name, opts }).toEqual({ name: 'letters', opts: { ...options, jobId: 'one' } });
    expect(second.parse({ data })).toMatchObject(payload);
  });

  it('rejects a payload that violates the schema, in producers and workers', () => {
    const payload = { to: { name: 'Ana' } } as { to: { name: string; city: string } };
    expect(() => second.encode(payload)).toThrow(z.ZodError);
    expect(() => second.parse({ data: { v: 2, ...payload } })).toThrow(z.ZodError);
    expect(() => second.parse({ data: null })).toThrow(z.ZodError);
  });

  it('reads jobs that were queued before a version bump as payloads of the current version', () => {
    const queued = first.encode({ name: 'Ana' });
    expect(second.parse({ data: queued })).toEqual({ to: { name: 'Ana', city: 'unknown' } });
    expect(second.safeParse({ v: 1, name: 7 }).success).toBe(false);
  });

  it('rejects jobs whose version is newer, missing or not a number', () => {
    for (const v of [3, 0, undefined, 'toString', '1']) {
      expect({ v, read: second.safeParse({ v, name: 'Ana' }).success }).toEqual({ v, read: false });
    }
  });

  it('throws if the schema of an older version is missing', () => {
    const older = { 2: z.object({ to: schema.shape.to }) };
    expect(() => defineQueue({ name: 'letters', version: 3, schema, options, older })).toThrow(
      /no schema for version 1/,
    );
  });

  it('lists the field names of the payload and of its nested objects', () => {
    expect([...second.fields]).toEqual(['v', 'to', 'name', 'city']);
  });
});

describe('QUEUES', () => {
  it('gives every queue a unique name and support for version 1 jobs', () => {
    expect(new Set(QUEUES.map(({ name }) => name)).size).toBe(QUEUES.length);
    for (const queue of QUEUES) {
      const read = queue.safeParse({ v: 1 });
      expect(read.error!.issues.map(({ path }) => path[0])).not.toContain('v');
    }
  });

  it('validates a chunk without its rows in producers, and with its rows in workers', () => {
    const chunk: EventChunkPayload = {
      chunkId: 'c1',
      tenant: 'prt_a:live',
      agentId: null,
      receivedAtMs: 1,
      requestIds: [],
      shared: false,
      types: ['mir.review.posted'],
      baseMs: 0,
      events: [[0, null, 'user', 0, null, null, null]],
    };
    for (const broken of [{ events: [] }, { receivedAtMs: 0 }, { tenant: '' }]) {
      expect(() => eventsQueue.encode({ ...chunk, ...broken })).toThrow(z.ZodError);
    }
    const invalid = { ...chunk, events: [[0, null, '']] } as unknown as EventChunkPayload;
    expect(eventsQueue.safeParse(eventsQueue.encode(chunk)).success).toBe(true);
    expect(eventsQueue.safeParse(eventsQueue.encode(invalid)).success).toBe(false);
  });
});
