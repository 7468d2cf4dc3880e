import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ADMIN_TOKEN, type Harness } from '../../support/harness';
import { startHarnessForPeople } from '../../support/people';
import { rawRequest } from '../../support/raw-request';
import { shareHarness } from '../../support/shared-harness';
import { credentialsOf } from './credential';
import { controlOf } from '../matrix/controls';
import { fieldsOf } from '../matrix/parameters';
import { MOUNTED_ROUTES } from '../matrix/mounted-routes';
import { anEventOf, createLeakedKeys, newAddress } from '../matrix/resources';
import { changedOwners, fingerprint } from '../matrix/fingerprint';

let mir: Harness;
let key: string;
let credential: ReturnType<typeof credentialsOf>;
let otherKey: string;
beforeAll(async () => {
  mir = await shareHarness('HTTP attacks', () => startHarnessForPeople({ workers: false }));
  await createLeakedKeys(mir);
});
// Each test has its own budgets.
beforeEach(async () => {
  const [partner, other] = [await mir.partner(), await mir.partner()];
  [key, otherKey] = [partner.liveKey, other.liveKey];
  credential = credentialsOf(mir, partner.partnerId, key);
});

const filled = (path: string): string => path.replaceAll(/:\w+/g, 'x');
const withBody = MOUNTED_ROUTES.filter(({ route }) => route.body !== undefined);

const post = (path: string, headers: Record<string, string | string[]>, body: string) =>
  rawRequest(mir.url, {
    method: 'POST',
    path,
    headers: { ...newAddress(), 'content-type': 'application/json', ...headers },
    body,
  });

describe('repeated headers', () => {
  const event = JSON.stringify(anEventOf('u-1'));

  it('rejects two API keys, in either order, and two admin tokens', async () => {
    for (const keys of [
      [key, otherKey],
      [otherKey, key],
      [key, key],
      [key, ''],
      ['', key],
    ]) {
      expect((await post('/v1/events', { 'x-api-key': keys }, event)).status).toBe(401);
    }
    for (const tokens of [
      [key, otherKey],
      [key, key],
    ]) {
      const authorization = tokens.map((token) => `Bearer ${token}`);
      const { status, text } = await post('/v1/events', { authorization }, event);
      expect([status, JSON.parse(text).code]).toEqual([400, 'API_KEY_AMBIGUOUS']);
    }
    const tokens = ['wrong', ADMIN_TOKEN];
    for (const twice of [tokens, tokens.toReversed()]) {
      const headers = { ...newAddress(), 'x-admin-token': twice };
      expect((await rawRequest(mir.url, { path: '/admin/partners', headers })).status).toBe(401);
    }
  });

  it('rejects two idempotency keys, and a header that differs from the body', async () => {
    for (const keys of [
      ['a', 'b'],
      ['a', 'a'],
      ['"a"', '"b"'],
    ]) {
      const { status, text } = await post('/v1/events', { 'x-api-key': key, 'idempotency-key': keys }, event);
      expect([status, JSON.parse(text).code]).toEqual([400, 'IDEMPOTENCY_KEY_INVALID']);
    }
    const body = JSON.stringify({ ...anEventOf('u-1'), idempotencyKey: 'b' });
    expect((await post('/v1/events', { 'x-api-key': key, 'idempotency-key': 'a' }, body)).status).toBe(400);
  });

  it('replaces a repeated request ID, and reads only the first content type', async () => {
    const response = await post('/v1/events', { 'x-api-key': key, 'x-request-id': ['a', 'b'] }, event);
    expect(response.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    const types = ['text/plain', 'application/json'];
    expect((await post('/v1/events', { 'x-api-key': key, 'content-type': types }, event)).status).toBe(415);
  });
});

describe('repeated parameters', () => {
  const lists = MOUNTED_ROUTES.filter(({ route }) => route.method === 'GET' && route.query !== undefined);

  it.each(lists)('rejects every query parameter that is repeated: $name', async ({ route, urls }) => {
    const { properties } = z.toJSONSchema(route.query!, { io: 'input', unrepresentable: 'any' });
    for (const name of Object.keys(properties!)) {
      const path = `${filled(urls[0]!)}?${name}=1&${name}=2`;
      const { status, body } = await mir.client.request('GET', path, {
        headers: { ...(await credential(route)), ...newAddress() },
      });
      expect([name, status, body.code]).toEqual([name, 422, 'VALIDATION_FAILED']);
    }
  });

  it('uses one value everywhere for a key that JSON repeats: the last one', async () => {
    const text = '{"userExternalId":"first","eventType":"mir.transaction.completed","userExternalId":"last"}';
    const { status } = await post('/v1/events', { 'x-api-key': key }, text);
    expect(status).toBe(202);
    const resolved = await post('/v1/resolve', { 'x-api-key': key }, '{"userExternalId":"a","userExternalId":"b"}');
    expect(JSON.parse(resolved.text).userExternalId).toBe('b');
    const one = JSON.stringify(anEventOf('u-1'));
    const twice = `{"events":[${one},${one}],"events":[${one}]}`;
    const batch = await post('/v1/events', { 'x-api-key': key }, twice);
    expect(JSON.parse(batch.text)).toMatchObject({ accepted: 1, rejected: 0 });
    // A large batch is split before it is parsed, and then a second list is an unexpected field.
    const large = `{"events":[${`${one},`.repeat(4_000)}${one}],"events":[${one}]}`;
    expect((await post('/v1/events', { 'x-api-key': key }, large)).status).toBe(422);
  });
});

describe('operator injection', () => {
  const operators: unknown[] = [
    { $ne: null },
    { $gt: '' },
    { $where: 'sleep(1000)' },
    { _bsontype: 'ObjectId', id: 'x' },
    [{ $ne: 1 }],
  ];
  const extraKeys = ['$where', '$set', 'a.b', 'tenant', '_id', 'partnerId', 'isAdmin', 'constructor', 'prototype'];

  it.each(withBody)(
    'rejects an object in place of each field, and every unknown field: $name',
    async ({ route, urls }) => {
      // Creates the account of the request.
      await credential(route);
      const before = await fingerprint(mir);
      const valid = controlOf(route).body?.() as Record<string, unknown>;
      const names = fieldsOf(route.body!);
      expect(names.length).toBeGreaterThan(0);
      const bodies = [
        ...names
          // An object is what these fields are for. Their own tests send operators inside them.
          .filter(
            (name) =>
              !['metadata', 'limits', 'approval', 'response', 'maxLifetimeSeconds', 'maxIdleSeconds'].includes(name),
          )
          .flatMap((name) => operators.map((value) => JSON.stringify({ ...valid, [name]: value }))),
        ...extraKeys.filter((name) => !names.includes(name)).map((name) => JSON.stringify({ ...valid, [name]: 'x' })),
        `${JSON.stringify(valid).slice(0, -1)}${Object.keys(valid).length > 0 ? ',' : ''}"__proto__":{"isAdmin":true}}`,
      ];
      for (const body of bodies) {
        const headers = { ...(await credential(route)), ...newAddress() };
        const response = await mir.client.request(route.method, filled(urls[0]!), { headers, body });
        expect([body, response.status]).toEqual([body, 422]);
      }
      expect('isAdmin' in {}).toBe(false);
      expect(changedOwners(before, await fingerprint(mir))).toEqual([]);
    },
  );

  it.each(MOUNTED_ROUTES)('never interprets brackets or operators in the query: $name', async ({ route, urls }) => {
    const queries = ['limit[$ne]=1', 'limit[]=1', 'cursor[$gt]=', '$where=1', '__proto__[isAdmin]=1', 'constructor=x'];
    const statusWith = async (query: string): Promise<number> => {
      const headers = { ...(await credential(route)), ...newAddress() };
      const body = route.body === undefined ? {} : { body: {} };
      return (await mir.client.request(route.method, filled(urls[0]!) + query, { headers, ...body })).status;
    };
    const expected = route.query ? 422 : await statusWith('');
    for (const query of queries) expect([query, await statusWith(`?${query}`)]).toEqual([query, expected]);
    expect('isAdmin' in {}).toBe(false);
  });
});
