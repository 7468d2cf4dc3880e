import { describe, expect, it } from '@jest/globals';
import { clusterUrl, parseRedisUrl, urlOfNode } from '../../../../shared/config/redis-url';

const NO_LOGIN = { tls: false, username: null, password: null };

describe('parsing a Redis URL', () => {
  it('keeps the URL of one server, with its options', () => {
    for (const url of ['redis://127.0.0.1', 'rediss://u:p@cache.example.org:6380/2', 'redis://[::1]:6379?family=6']) {
      expect(parseRedisUrl(url)).toEqual({ layout: 'server', url });
    }
  });

  it('reads several hosts as nodes of a cluster, with default ports', () => {
    expect(parseRedisUrl('redis://a,b:7001,[::1]:7002')).toEqual({
      layout: 'cluster',
      nodes: [
        { host: 'a', port: 6379 },
        { host: 'b', port: 7001 },
        { host: '::1', port: 7002 },
      ],
      ...NO_LOGIN,
    });
  });

  it('reads one host as a node of a cluster if the URL or REDIS_CLUSTER says so', () => {
    const expected = {
      layout: 'cluster',
      nodes: [{ host: 'a', port: 6379 }],
      tls: true,
      username: 'mir',
      password: 'p@ss:word',
    };
    expect(parseRedisUrl('rediss+cluster://mir:p%40ss%3Aword@a')).toEqual(expected);
    expect(parseRedisUrl(clusterUrl('rediss://mir:p%40ss%3Aword@a'))).toEqual(expected);
    expect(clusterUrl('redis+cluster://a')).toBe('redis+cluster://a');
  });

  it('reads Sentinels, the name of their primary, its database and their own password', () => {
    expect(parseRedisUrl('redis+sentinel://:secret@a,b:5000/mymaster/1?sentinelPassword=own')).toEqual({
      layout: 'sentinel',
      sentinels: [
        { host: 'a', port: 26_379 },
        { host: 'b', port: 5000 },
      ],
      name: 'mymaster',
      db: 1,
      sentinelPassword: 'own',
      tls: false,
      username: null,
      password: 'secret',
    });
  });

  it.each([
    ['http://a', /must start with redis/],
    ['redis://', /must start with redis/],
    ['redis://a,b:port', /"b:port" is not a host/],
    ['redis://a,b/3', /must not select a database/],
    ['redis+sentinel://a/mymaster/one', /must select a database by its number/],
    ['redis+sentinel://a', /must end with the name of the primary/],
  ])('rejects %s', (url, message) => {
    expect(() => parseRedisUrl(url)).toThrow(message);
  });

  it('returns the URL of one node with the login of the cluster', () => {
    expect(urlOfNode(NO_LOGIN, 'a:7000')).toBe('redis://a:7000');
    expect(urlOfNode({ tls: true, username: null, password: 'p@ss' }, 'a:7000')).toBe('rediss://:p%40ss@a:7000');
  });
});
