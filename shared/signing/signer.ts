import { generateKeyPairSync, hash } from 'node:crypto';
import { decryptSecret, encryptSecret } from '../domain/encrypted-secret';
import { activeSigningKey, firstKeptGeneration, nextSigningKey } from '../domain/signing-key';
import type { Secrets } from '../domain/subject';
import type { SigningKeyDoc } from '../store/signing-keys';
import type { Store } from '../store/store';

const ALGORITHM = 'EdDSA';
const KEY_TYPE = { kty: 'OKP', crv: 'Ed25519' } as const;
/** How long a process signs with the keys that it has read. Much shorter than a key is published before it signs. */
const KEYS_TTL_MS = 60_000;

/** A public key, as `/.well-known/jwks.json` publishes it. */
export interface PublicKey {
  kty: 'OKP';
  crv: 'Ed25519';
  alg: 'EdDSA';
  use: 'sig';
  kid: string;
  x: string;
}

/** What a signature is about, so that a signature of one kind is never accepted as another. */
type SignedType = 'mir-kill-report+jws' | 'mir-audit-head+jws' | 'secevent+jwt';

/** Signs texts with keys that all processes share and that others can verify. */
export interface Signer {
  /** Returns a compact JWS (RFC 7515) with the text as its payload. Equal texts have equal signatures until a rotation. */
  sign(text: string, typ: SignedType): Promise<string>;
  /** Returns the text of a JWS. Rejects if none of the published keys made the signature, or if its type differs. */
  verify(jws: string, typ: SignedType): Promise<string>;
  /** Returns all keys: those that have signed, that sign, and that will sign next. */
  publicKeys(): Promise<PublicKey[]>;
  /** Creates the next key in time, and deletes private parts that are no longer needed. Safe to run in parallel. */
  rotate(now: Date): Promise<void>;
}

interface Deps {
  store: Pick<Store, 'signingKeys'>;
  secrets: Pick<Secrets, 'signingKey'>;
}

/** Loads jose on first use, because it is an ES module. Node.js caches it. */
const loadJose = () => import('jose');
type PrivateKey = ReturnType<Awaited<ReturnType<typeof loadJose>>['importJWK']>;

/** Returns the thumbprint of a public key: the hash of its required members in alphabetical order (RFC 7638). */
const thumbprintOf = (x: string): string =>
  hash('sha256', JSON.stringify({ crv: KEY_TYPE.crv, kty: KEY_TYPE.kty, x }), 'base64url');

const presentKey = ({ _id: kid, publicKey: x }: SigningKeyDoc): PublicKey => ({
  ...KEY_TYPE,
  alg: ALGORITHM,
  use: 'sig',
  kid,
  x,
});

/** Returns the text of a JWS. Rejects if none of the keys made the signature, or if its type differs. */
export async function verifyJws(keys: readonly PublicKey[], jws: string, typ: SignedType): Promise<string> {
  const { compactVerify, createLocalJWKSet } = await loadJose();
  const keySet = createLocalJWKSet({ keys: [...keys] });
  const { payload, protectedHeader } = await compactVerify(jws, keySet, { algorithms: [ALGORITHM] });
  if (protectedHeader.typ !== typ) throw new Error(`the signature has the type ${protectedHeader.typ}`);
  return Buffer.from(payload).toString('utf8');
}

/** Creates the signer of a process. Reads no keys until they are needed. */
export function createSigner({ store: { signingKeys }, secrets }: Deps): Signer {
  let known: { keys: SigningKeyDoc[]; readAtMs: number } | null = null;
  let reading: Promise<SigningKeyDoc[]> | null = null;
  let imported: { kid: string; key: PrivateKey } | null = null;

  async function create(keys: readonly SigningKeyDoc[], now: Date): Promise<boolean> {
    const next = nextSigningKey(keys, now);
    if (next === null) return false;
    const { x, d } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
    const kid = thumbprintOf(x!);
    const encryptedPrivateKey = encryptSecret(secrets.signingKey, kid, d!);
    await signingKeys.insertOnce({ _id: kid, ...next, publicKey: x!, encryptedPrivateKey, createdAt: now });
    return true;
  }

  async function readOrCreate(): Promise<SigningKeyDoc[]> {
    let keys = await signingKeys.all();
    if (keys.length === 0 && (await create(keys, new Date()))) keys = await signingKeys.all();
    known = { keys, readAtMs: performance.now() };
    return keys;
  }

  /** Reads the keys. Calls at the same time share a query. */
  function read(): Promise<SigningKeyDoc[]> {
    reading ??= readOrCreate().finally(() => {
      reading = null;
    });
    return reading;
  }

  async function activeKey(): Promise<SigningKeyDoc> {
    const isFresh = known !== null && performance.now() - known.readAtMs < KEYS_TTL_MS;
    const active = activeSigningKey(isFresh ? known!.keys : await read(), new Date());
    if (active === null) throw new Error('no signing key is active yet: the clock of this process is behind');
    return active;
  }

  /** Returns the private part of a key. Decrypts it once. */
  function privateKeyOf({ _id: kid, publicKey: x, encryptedPrivateKey }: SigningKeyDoc): PrivateKey {
    if (imported?.kid !== kid) {
      if (encryptedPrivateKey === null) throw new Error(`signing key ${kid} no longer has a private part`);
      const d = decryptSecret(secrets.signingKey, kid, encryptedPrivateKey);
      imported = { kid, key: loadJose().then(({ importJWK }) => importJWK({ ...KEY_TYPE, x, d }, ALGORITHM)) };
    }
    return imported.key;
  }

  return {
    sign: async (text, typ) => {
      const key = await activeKey();
      const [{ CompactSign }, privateKey] = await Promise.all([loadJose(), privateKeyOf(key)]);
      return new CompactSign(Buffer.from(text))
        .setProtectedHeader({ alg: ALGORITHM, kid: key._id, typ })
        .sign(privateKey);
    },

    verify: async (jws, typ) => verifyJws((await read()).map(presentKey), jws, typ),

    publicKeys: async () => (await read()).map(presentKey),

    rotate: async (now) => {
      const keys = await read();
      if (await create(keys, now)) await read();
      await signingKeys.dropPrivateKeysBefore(firstKeptGeneration(keys, now));
    },
  };
}
