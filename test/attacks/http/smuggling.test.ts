import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Harness } from '../../support/harness';
import { sendBytes } from '../../support/raw-request';
import { sharedHarness } from '../../support/shared-harness';

let mir: Harness;
let key: string;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
  key = (await mir.partner()).liveKey;
});
afterAll(() => mir.close());

const CRLF = '\r\n';
const EVENT = JSON.stringify({ userExternalId: 'u-1', eventType: 'mir.transaction.completed' });

/** The request that an attacker hides behind another one. */
const hidden = (): string =>
  ['GET /v1/events HTTP/1.1', 'Host: x', `X-Api-Key: ${key}`, 'Connection: close', '', ''].join(CRLF);
const post = (lines: string[], body: string): string =>
  [
    'POST /v1/events HTTP/1.1',
    'Host: x',
    `X-Api-Key: ${key}`,
    'Content-Type: application/json',
    ...lines,
    '',
    body,
  ].join(CRLF);
const chunked = (text: string): string => `${text.length.toString(16)}${CRLF}${text}${CRLF}0${CRLF}${CRLF}`;
const statusesOf = async (bytes: string): Promise<number[]> =>
  (await sendBytes(mir.url, bytes)).map(({ status }) => status);

describe('request smuggling', () => {
  it('controls: separates two well-formed requests, with a length or with chunks', async () => {
    expect(await statusesOf(post([`Content-Length: ${EVENT.length}`], EVENT) + hidden())).toEqual([202, 200]);
    expect(await statusesOf(post(['Transfer-Encoding: chunked'], chunked(EVENT)) + hidden())).toEqual([202, 200]);
  });

  it.each<[string, (body: string) => string]>([
    ['a length and chunks', (body) => post(['Content-Length: 4', 'Transfer-Encoding: chunked'], chunked(body))],
    ['chunks and a length', (body) => post(['Transfer-Encoding: chunked', 'Content-Length: 4'], chunked(body))],
    ['two different lengths', (body) => post(['Content-Length: 0', `Content-Length: ${body.length}`], body)],
    ['two equal lengths', (body) => post(Array(2).fill(`Content-Length: ${body.length}`), body)],
    ['a list of lengths', (body) => post([`Content-Length: ${body.length}, 0`], body)],
    ['a signed length', (body) => post([`Content-Length: +${body.length}`], body)],
    ['a negative length', (body) => post(['Content-Length: -1'], body)],
    ['a hexadecimal length', (body) => post([`Content-Length: 0x${body.length.toString(16)}`], body)],
    ['a length with a fraction', (body) => post([`Content-Length: ${body.length}.0`], body)],
    ['a length beyond 64 bits', (body) => post(['Content-Length: 18446744073709551617'], body)],
    ['a space before the colon', (body) => post(['Transfer-Encoding : chunked', 'Content-Length: 4'], chunked(body))],
    ['a folded header', (body) => post(['X-A: b', ' Transfer-Encoding: chunked'], chunked(body))],
    ['an unknown coding', (body) => post(['Transfer-Encoding: xchunked'], chunked(body))],
    ['a coding after chunked', (body) => post(['Transfer-Encoding: chunked, identity'], chunked(body))],
    ['a vertical tab in the coding', (body) => post(['Transfer-Encoding: \u000bchunked'], chunked(body))],
    ['a quoted coding', (body) => post(['Transfer-Encoding: "chunked"'], chunked(body))],
    ['two codings', (body) => post(['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], chunked(body))],
    ['a bare line feed after a header', (body) => post(['X-A: b\nTransfer-Encoding: chunked'], chunked(body))],
    ['a bare carriage return in a header', (body) => post(['X-A: b\rTransfer-Encoding: chunked'], chunked(body))],
    ['a NUL in a header', (body) => post(['X-A: b\u0000', 'Content-Length: 4'], body)],
    ['a chunk size that is not a number', () => post(['Transfer-Encoding: chunked'], `zz${CRLF}`)],
    ['a chunk size with a prefix', () => post(['Transfer-Encoding: chunked'], `0x5${CRLF}`)],
    ['a chunk size beyond 64 bits', () => post(['Transfer-Encoding: chunked'], `fffffffffffffffff${CRLF}`)],
    ['a bare line feed after a chunk size', () => post(['Transfer-Encoding: chunked'], `5\n`)],
    ['a chunk longer than its size', () => post(['Transfer-Encoding: chunked'], `1${CRLF}{}${CRLF}0${CRLF}${CRLF}`)],
    ['a request line with a tab', () => `GET\t/v1/events HTTP/1.1${CRLF}Host: x${CRLF}${CRLF}`],
    ['an unknown version', () => `GET /v1/events HTTP/1.9${CRLF}Host: x${CRLF}${CRLF}`],
    ['no host', () => `GET /v1/events HTTP/1.1${CRLF}X-Api-Key: ${key}${CRLF}${CRLF}`],
    ['a space in the path', () => `GET /v1/events /x HTTP/1.1${CRLF}Host: x${CRLF}${CRLF}`],
  ])('rejects %s and never runs the request behind it', async (_name, request) => {
    const statuses = await statusesOf(request(EVENT) + hidden());
    expect(statuses).toHaveLength(1);
    expect([400, 413]).toContain(statuses[0]);
  });

  it('ignores chunk extensions, and rejects long ones', async () => {
    const size = EVENT.length.toString(16);
    const extended = `${size};ext="a"${CRLF}${EVENT}${CRLF}0${CRLF}${CRLF}`;
    expect(await statusesOf(post(['Transfer-Encoding: chunked'], extended) + hidden())).toEqual([202, 200]);
    const long = `${size};${'e'.repeat(20_000)}${CRLF}${EVENT}${CRLF}0${CRLF}${CRLF}`;
    const statuses = await statusesOf(post(['Transfer-Encoding: chunked'], long) + hidden());
    expect(statuses).not.toContain(200);
  });

  it('does not let a body without a declared length become the next request', async () => {
    const statuses = await statusesOf(post([], hidden()));
    // The body is empty, so the bytes behind it are a second request of the same client, on its own connection.
    expect(statuses).toEqual([400, 200]);
  });

  it('rejects headers that are too long in total, and key headers of any length', async () => {
    const get = (header: string): string =>
      `GET /v1/events HTTP/1.1${CRLF}Host: x${CRLF}Connection: close${CRLF}${header}${CRLF}${CRLF}`;
    expect(await statusesOf(get(`X-A: ${'a'.repeat(20_000)}`))).toEqual([431]);
    expect(await statusesOf(get(Array.from({ length: 2_500 }, (_, n) => `X-${n}: a`).join(CRLF)))).toEqual([431]);
    expect(await statusesOf(get(`X-Api-Key: ${key}${'a'.repeat(10_000)}`))).toEqual([401]);
    expect(await statusesOf(get(`X-Admin-Token: ${'a'.repeat(10_000)}`))).toEqual([401]);
  });
});
