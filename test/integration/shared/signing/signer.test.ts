import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { SIGNING_KEY_PUBLISHED_AHEAD_DAYS, SIGNING_KEY_ROTATION_DAYS } from '../../../../shared/domain/signing-key';
import { deriveSecrets } from '../../../../shared/domain/subject';
import { createSigner, type Signer } from '../../../../shared/signing/signer';
import { type Harness, startHarness } from '../../../support/harness';

const DAY_MS = 24 * 3_600_000;
const TYPE = 'mir-kill-report+jws';

let mir: Harness;
beforeAll(async () => {
  mir = await startHarness({ workers: false });
});
afterAll(() => mir.close());
beforeEach(async () => {
  await mir.ctx.store.signingKeys.model.deleteMany({});
});

/** Returns the signer of another process. */
const newSigner = (): Signer => createSigner(mir.ctx);
const keys = () => mir.ctx.store.signingKeys.all();
const kidOf = (jws: string): string =>
  (JSON.parse(Buffer.from(jws.split('.')[0]!, 'base64url').toString()) as { kid: string }).kid;
/** Moves all keys into the past, as if the time had passed. */
async function age(days: number): Promise<void> {
  for (const { _id, activeFrom } of await keys()) {
    const earlier = new Date(activeFrom.getTime() - days * DAY_MS);
    await mir.ctx.store.signingKeys.model.updateOne({ _id }, { $set: { activeFrom: earlier } });
  }
}

describe('the signer', () => {
  it('creates one key for all processes that sign at the same time', async () => {
    const signed = await Promise.all(Array.from({ length: 8 }, () => newSigner().sign('text', TYPE)));
    expect(await keys()).toHaveLength(1);
    expect(new Set(signed).size).toBe(1);
    expect(await newSigner().verify(signed[0]!, TYPE)).toBe('text');
  });

  it('rejects a changed text, another type and another installation’s signature', async () => {
    const signer = newSigner();
    const jws = await signer.sign('{"a":1}', TYPE);
    const [header, , signature] = jws.split('.');
    const forged = [header, Buffer.from('{"a":2}').toString('base64url'), signature].join('.');
    await expect(signer.verify(forged, TYPE)).rejects.toThrow('signature verification failed');
    await expect(signer.verify(jws, 'secevent+jwt')).rejects.toThrow('the signature has the type');
    await mir.ctx.store.signingKeys.model.deleteMany({});
    await newSigner().sign('other', TYPE);
    await expect(newSigner().verify(jws, TYPE)).rejects.toThrow('no applicable key');
  });

  it('stores private parts only encrypted with the pepper', async () => {
    await newSigner().sign('text', TYPE);
    const [stored] = await keys();
    expect(JSON.stringify(await newSigner().publicKeys())).not.toContain('"d"');
    const others = createSigner({
      store: mir.ctx.store,
      secrets: deriveSecrets('another-pepper-0123456789abcdef0123'),
    });
    await expect(others.sign('text', TYPE)).rejects.toThrow('unable to authenticate data');
    expect(stored!.encryptedPrivateKey!.length).toBeGreaterThan(60);
  });

  it('publishes the next key before it signs, and keeps old signatures valid after a rotation', async () => {
    const old = await newSigner().sign('old', TYPE);
    await Promise.all([newSigner().rotate(new Date()), newSigner().rotate(new Date())]);
    expect(await keys()).toHaveLength(1);

    await age(SIGNING_KEY_ROTATION_DAYS - SIGNING_KEY_PUBLISHED_AHEAD_DAYS);
    await Promise.all([newSigner().rotate(new Date()), newSigner().rotate(new Date())]);
    expect((await newSigner().publicKeys()).map(({ kid }) => kid)).toEqual((await keys()).map(({ _id }) => _id));
    expect(await keys()).toHaveLength(2);
    expect(kidOf(await newSigner().sign('still', TYPE))).toBe(kidOf(old));

    await age(SIGNING_KEY_PUBLISHED_AHEAD_DAYS + 2);
    const recent = await newSigner().sign('new', TYPE);
    expect(kidOf(recent)).toBe((await keys())[1]!._id);
    await newSigner().rotate(new Date());
    expect((await keys()).map(({ encryptedPrivateKey }) => encryptedPrivateKey === null)).toEqual([true, false]);
    expect(await newSigner().verify(old, TYPE)).toBe('old');
    expect(await newSigner().verify(recent, TYPE)).toBe('new');
  });
});

describe('GET /.well-known/jwks.json', () => {
  it('returns the public keys without authentication, and lets caches keep them', async () => {
    const jws = await newSigner().sign('text', TYPE);
    const response = await fetch(`${mir.url}/.well-known/jwks.json`);
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'public, max-age=300']);
    const published = (await response.json()) as { keys: { kty: string; kid: string }[] };
    expect(published).toEqual({
      keys: [{ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig', kid: kidOf(jws), x: expect.any(String) }],
    });
    const { calculateJwkThumbprint } = await import('jose');
    expect(await calculateJwkThumbprint(published.keys[0]!)).toBe(kidOf(jws));
  });

  it('creates the first key', async () => {
    const response = await fetch(`${mir.url}/.well-known/jwks.json`);
    expect(((await response.json()) as { keys: unknown[] }).keys).toHaveLength(1);
  });
});
