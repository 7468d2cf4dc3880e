import { describe, expect, it } from '@jest/globals';
import { mongo } from 'mongoose';
import { toMirError } from '../../../../api/http/problem';

describe('toMirError', () => {
  it.each([
    ['a primary that stepped down', 10_107],
    ['a server that shuts down', 11_600],
  ])('%s is 503, though its code is a number', (_what, code) => {
    const problem = toMirError(new mongo.MongoServerError({ message: 'not primary', code }));
    expect([problem.status, problem.code]).toEqual([503, 'STORE_UNAVAILABLE']);
  });

  it('a server error that is no outage is 500 and shows nothing of its message', () => {
    const problem = toMirError(
      new mongo.MongoServerError({ message: 'E11000 dup key: ann@private.example', code: 11_000 }),
    );
    expect([problem.status, problem.code]).toEqual([500, 'INTERNAL']);
    expect(problem.detail).not.toContain('private');
  });

  it('a zlib error is 400', () => {
    const zlib = Object.assign(new Error('incorrect header check'), { code: 'Z_DATA_ERROR' });
    expect(toMirError(zlib).code).toBe('INVALID_ENCODING');
  });
});
