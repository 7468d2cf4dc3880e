import { describe, expect, it } from '@jest/globals';
import { mongo } from 'mongoose';
import pino from 'pino';
import { publicDetail } from '../../../../api/http/details';
import { problemOf } from '../../../../api/http/problem';
import { PublicError } from '../../../../api/http/public-error';
import { blocked, scopeMissing } from '../../../../shared/authz/rejections';
import { MirError, overloaded, storeUnavailable } from '../../../../shared/errors';

/** Converts an error into a problem, and returns the problem and the log output. */
function convert(error: unknown, contact: string | null = null) {
  const lines: string[] = [];
  const problem = problemOf(error, {
    requestId: 'request-1',
    log: pino({ base: null }, { write: (line: string) => lines.push(line) }),
    contact,
  });
  return { problem, log: lines.join('') };
}

describe('problemOf', () => {
  it.each([
    ['a primary that stepped down', 10_107],
    ['a server that is shutting down', 11_600],
  ])('returns 503 for %s', (_what, code) => {
    const { problem } = convert(new mongo.MongoServerError({ message: 'not primary', code }));
    expect([problem.status, problem.code]).toEqual([503, 'STORE_UNAVAILABLE']);
  });

  it('returns 503 with advice for a query that exceeded its time limit', () => {
    const { problem } = convert(new mongo.MongoServerError({ message: 'operation exceeded time limit', code: 50 }));
    expect(problem).toMatchObject({
      status: 503,
      code: 'STORE_UNAVAILABLE',
      detail: expect.stringMatching(/took too long.*use a lower `limit`/),
      headers: { 'Retry-After': expect.any(String) },
    });
  });

  it('returns 500 for any other database server error, and logs the error message instead of showing it', () => {
    const { problem, log } = convert(
      new mongo.MongoServerError({ message: 'E11000 dup key: ann@private.example', code: 11_000 }),
    );
    expect([problem.status, problem.code]).toEqual([500, 'INTERNAL']);
    expect(JSON.stringify(problem)).not.toContain('private');
    expect(log).toContain('E11000');
  });

  it('returns 400 for a zlib error', () => {
    const zlib = Object.assign(new Error('incorrect header check'), { code: 'Z_DATA_ERROR' });
    expect(convert(zlib).problem).toMatchObject({ status: 400, code: 'INVALID_ENCODING' });
  });

  it('shows a public text for an error from shared code, and logs its message and cause without showing them', () => {
    const { problem, log } = convert(overloaded('ENQUEUE_UNCONFIRMED', 3, new Error('EVALSHA 10.0.0.7:6379')));
    expect(problem).toMatchObject({
      status: 503,
      code: 'OVERLOADED',
      detail: expect.stringContaining('Resend them with the same idempotency keys'),
      headers: { 'Retry-After': '3' },
    });
    expect(JSON.stringify(problem)).not.toMatch(/did not confirm that|EVALSHA/);
    expect(log).toMatch(/did not confirm that it queued the events; caused by: EVALSHA 10\.0\.0\.7/);
  });

  it("sends the caller's rate-limit budget with an authorizer rejection", () => {
    const { problem } = convert(
      scopeMissing('links:write', { policy: 'requests', capacity: 60, left: 30, smallest: 60 }),
    );
    expect(problem).toMatchObject({
      status: 403,
      detail: 'This API key does not have the links:write scope.',
      headers: { RateLimit: '"requests";r=30;t=30', 'RateLimit-Policy': '"requests";q=60;w=60' },
    });
    expect(convert(blocked('AGENT_SUSPENDED')).problem.headers).toEqual({});
  });

  it('keeps the detail and headers of a PublicError', () => {
    const { problem } = convert(new PublicError('METHOD_NOT_ALLOWED', 'Not this.', { headers: { Allow: 'GET' } }));
    expect(problem).toMatchObject({ status: 405, detail: 'Not this.', headers: { Allow: 'GET' } });
  });
});

describe('publicDetail', () => {
  it('uses the title of a problem code that has no detail text', () => {
    expect(publicDetail(new MirError('NOT_FOUND', 'row 7 is missing'))).toBe('Not found.');
  });

  it('uses the detail text of a problem code that has one', () => {
    expect(publicDetail(storeUnavailable(new Error('10.0.0.7')))).toBe(
      'The database did not respond. Try again in a few seconds.',
    );
  });
});

describe('the contact of the operator', () => {
  const CONTACT = 'support@mir.example';
  const REACH = ' You can reach the operator at support@mir.example.';

  it.each([
    ['an unexpected error', new Error('secret')],
    ['a suspended partner', new MirError('PARTNER_SUSPENDED', 'suspended')],
    ['a missing plan', new MirError('ENTERPRISE_REQUIRED', 'no plan')],
    ['a detail that says to ask the operator', new PublicError('CONFLICT', 'No email. Ask its operator to set it up.')],
  ])('is in the detail of %s', (_what, error) => {
    const { detail } = convert(error).problem;
    expect(convert(error, CONTACT).problem.detail).toBe(detail + REACH);
  });

  it('is not in other details', () => {
    const errors = [new MirError('NOT_FOUND', 'gone'), new PublicError('NOT_FOUND', 'GET /operator does not exist.')];
    for (const error of errors) expect(convert(error, CONTACT).problem.detail).toBe(convert(error).problem.detail);
  });
});
