import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { newAccessToken, newApiKey, parseApiKey, tenantOfKeyPrefix } from '../../../../shared/domain/api-key';
import { newPartnerTag, partnerIdOf, tenantOf } from '../../../../shared/domain/ids';

const CHARACTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-. \n';
const anyHolder = fc.constantFrom('partner', 'agent', 'member');
const anyKey = fc.tuple(fc.constantFrom('live' as const, 'test' as const), anyHolder).map(([env, holder]) => {
  const tag = newPartnerTag();
  const [agent, member] = [holder === 'agent', holder === 'member'];
  return { env, agent, member, tag, ...(member ? newAccessToken(env, tag) : newApiKey(env, tag, agent)) };
});

describe('API keys', () => {
  it('parses a new key into its parts and the hash of the whole key', () => {
    fc.assert(
      fc.property(anyKey, ({ env, agent, member, tag, key, hash, prefix }) => {
        expect(key).toMatch(/^mir_(live|test)_(agent_|member_)?[a-z0-9]{12}_[0-9A-Za-z]{49}$/);
        expect(parseApiKey(key)).toEqual({ env, agent, member, tag, partnerId: partnerIdOf(tag), hash });
        expect(hash).toBe(createHash('sha256').update(key).digest('hex'));
        expect(key.startsWith(prefix)).toBe(true);
        expect(prefix.length).toBeLessThan(key.length - 40);
      }),
    );
  });

  it('names the tenant of an agent’s key by its first characters, but not by the whole key', () => {
    fc.assert(
      fc.property(anyKey, fc.nat(7), ({ env, agent, tag, key, prefix }, missing) => {
        const start = prefix.slice(0, prefix.length - missing);
        expect(tenantOfKeyPrefix(start)).toBe(agent ? tenantOf(partnerIdOf(tag), env) : null);
        expect(tenantOfKeyPrefix(key)).toBeNull();
      }),
    );
  });

  it('rejects a key with one changed character', () => {
    fc.assert(
      fc.property(anyKey, fc.nat(), fc.constantFrom(...CHARACTERS.split('')), ({ key }, place, character) => {
        const at = place % key.length;
        fc.pre(key[at] !== character);
        expect(parseApiKey(key.slice(0, at) + character + key.slice(at + 1))).toBeNull();
      }),
      { numRuns: 2_000 },
    );
  });

  it('rejects a key with two adjacent characters swapped, a character missing or a character added', () => {
    fc.assert(
      fc.property(anyKey, fc.nat(), ({ key }, place) => {
        const at = place % (key.length - 1);
        const swapped = key.slice(0, at) + key[at + 1]! + key[at]! + key.slice(at + 2);
        if (swapped !== key) expect(parseApiKey(swapped)).toBeNull();
        expect(parseApiKey(key.slice(0, at) + key.slice(at + 1))).toBeNull();
        expect(parseApiKey(`${key.slice(0, at)}0${key.slice(at)}`)).toBeNull();
      }),
    );
  });

  it('rejects text that has the form of a key but a wrong checksum', () => {
    const body = fc.stringMatching(/^mir_live_[a-z0-9]{12}_[0-9A-Za-z]{49}$/);
    fc.assert(fc.property(body, (text) => parseApiKey(text) === null));
  });

  it('creates a different key every time', () => {
    const tag = newPartnerTag();
    expect(new Set(Array.from({ length: 1_000 }, () => newApiKey('live', tag).key)).size).toBe(1_000);
  });
});
