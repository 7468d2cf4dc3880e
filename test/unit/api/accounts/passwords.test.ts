import { scryptSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { countedPasswords } from '../../../../api/accounts/passwords';
import { createMetrics } from '../../../../shared/metrics/metrics';

describe('countedPasswords', () => {
  it('hashes with scrypt at the production cost (N = 16384, r = 16, p = 1), which other tests lower', async () => {
    const { hash, verify } = await countedPasswords(createMetrics('api'));
    const stored = await hash('correct horse battery');
    const [salt, key] = stored.split(':') as [string, string];
    const cost = { N: 16_384, r: 16, p: 1, maxmem: 64 * 1024 * 1024 };
    expect(key).toBe(scryptSync('correct horse battery', salt, 64, cost).toString('hex'));
    expect(await verify({ hash: stored, password: 'correct horse battery' })).toBe(true);
    expect(await verify({ hash: stored, password: 'another password' })).toBe(false);
  });
});
