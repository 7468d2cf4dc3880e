import { describe, expect, it } from '@jest/globals';
import { parseInfo } from '../../../../shared/redis/info';
import { confirmsTooEarly } from '../../../../shared/redis/require-durability';

describe('confirmsTooEarly', () => {
  it.each([
    { server: 'Redis 7.2.5', info: 'redis_version:7.2.5', expected: null },
    { server: 'Redis 7.4.0', info: 'redis_version:7.4.0', expected: 'Redis 7.4.0' },
    { server: 'Redis 7.4.2', info: 'redis_version:7.4.2', expected: 'Redis 7.4.2' },
    { server: 'Redis 7.4.3', info: 'redis_version:7.4.3', expected: null },
    { server: 'Redis 7.4.20', info: 'redis_version:7.4.20', expected: null },
    { server: 'Redis 8.2.3', info: 'redis_version:8.2.3', expected: null },
    { server: 'Valkey 7.2.9', info: 'redis_version:7.2.4\r\nvalkey_version:7.2.9', expected: null },
    { server: 'Valkey 9.1.2', info: 'redis_version:7.2.4\r\nvalkey_version:9.1.2', expected: 'Valkey 9.1.2' },
  ])('returns $expected for $server', ({ info, expected }) => {
    expect(confirmsTooEarly(parseInfo(`# Server\r\n${info}\r\nserver_mode:standalone\r\n`))).toBe(expected);
  });
});
