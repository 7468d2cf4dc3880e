import { describe, expect, it } from '@jest/globals';
import { redactUrl } from '../../../../shared/config/redact-url';

describe('redactUrl', () => {
  it.each([
    ['redis://127.0.0.1:6379/2', 'redis://127.0.0.1:6379/2'],
    ['mongodb://ann:secret@db.example:27017/mir?w=1', 'mongodb://db.example:27017/mir?w=1'],
    ['redis://:p@ssword@cache.example:6379', 'redis://cache.example:6379'],
    ['redis+sentinel://:p@a,b/mymaster?sentinelPassword=secret', 'redis+sentinel://a,b/mymaster?sentinelPassword=…'],
  ])('removes the username and passwords from %s', (url, redacted) => {
    expect(redactUrl(url)).toBe(redacted);
  });
});
