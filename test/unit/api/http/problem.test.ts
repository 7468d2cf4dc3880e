import { describe, expect, it } from '@jest/globals';
import { mongo } from 'mongoose';
import pino from 'pino';
import { publicDetail } from '../../../../api/http/details';
import { problemOf } from '../../../../api/http/problem';
import { PublicError } from '../../../../api/http/public-error';
import { blocked, scopeMissing } from '../../../../shared/authz/rejections';
import { MirError, overloaded, storeUnavailable } from '../../../../shared/errors';

/** What a response shows of an error, and the lines that it leaves in the log. */
function shown(thrown: unknown) {
  const lines: string[] = [];
  const problem = problemOf(thrown, 'request-1', pino({ base: null }, { write: (line: string) => lines.push(line) }));
  return { problem, log: lines.join('') };
}

describe('problemOf', () => {
  it.each([
    ['a primary that stepped down', 10_107],
    ['a server that shuts down', 11_600],
  ])('%s is 503, though its code is a number', (_what, code) => {
    const { problem } = shown(new mongo.MongoServerError({ message: 'not primary', code }));
    expect([problem.status, problem.code]).toEqual([503, 'STORE_UNAVAILABLE']);
  });

  it('a server error that is no outage is 500 and shows nothing of its message', () => {
    const { problem, log } = shown(
      new mongo.MongoServerError({ message: 'E11000 dup key: ann@private.example', code: 11_000 }),
    );
    expect([problem.status, problem.code]).toEqual([500, 'INTERNAL']);
    expect(JSON.stringify(problem)).not.toContain('private');
    expect(log).toContain('E11000');
  });

  it('a zlib error is 400', () => {
    const zlib = Object.assign(new Error('incorrect header check'), { code: 'Z_DATA_ERROR' });
    expect(shown(zlib).problem).toMatchObject({ status: 400, code: 'INVALID_ENCODING' });
  });

  it('an error of shared code shows a public text; its message and cause go to the log only', () => {
    const { problem, log } = shown(overloaded('ENQUEUE_UNCONFIRMED', 3, new Error('EVALSHA 10.0.0.7:6379')));
    expect(problem).toMatchObject({
      status: 503,
      code: 'OVERLOADED',
      detail: expect.stringContaining('Resend them with the same idempotency keys'),
      headers: { 'Retry-After': '3' },
    });
    expect(JSON.stringify(problem)).not.toMatch(/did not confirm that|EVALSHA/);
    expect(log).toMatch(/did not confirm that it queued the events; caused by: EVALSHA 10\.0\.0\.7/);
  });

  it('a rejection of the authorizer carries the caller’s budget', () => {
    const { problem } = shown(
      scopeMissing('links:write', { policy: 'requests', capacity: 60, left: 30, smallest: 60 }),
    );
    expect(problem).toMatchObject({
      status: 403,
      detail: 'This API key does not have the links:write scope.',
      headers: { RateLimit: '"requests";r=30;t=30', 'RateLimit-Policy': '"requests";q=60;w=60' },
    });
    expect(shown(blocked('AGENT_SUSPENDED')).problem.headers).toEqual({});
  });

  it('headers of an error that words itself stay', () => {
    const { problem } = shown(new PublicError('METHOD_NOT_ALLOWED', 'Not this.', { headers: { Allow: 'GET' } }));
    expect(problem).toMatchObject({ status: 405, detail: 'Not this.', headers: { Allow: 'GET' } });
  });
});

describe('publicDetail', () => {
  it('a code without a text of its own is worded by its title', () => {
    expect(publicDetail(new MirError('NOT_FOUND', 'row 7 is missing'))).toBe('Not found.');
  });

  it('a code with a text of its own is worded by it', () => {
    expect(publicDetail(storeUnavailable(new Error('10.0.0.7')))).toBe('The database did not respond. Try again soon.');
  });
});
