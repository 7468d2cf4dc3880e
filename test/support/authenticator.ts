import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const HAS_CREDENTIAL = 0x40;

const sha256 = (data: Buffer | string): Buffer => createHash('sha256').update(data).digest();

function uint(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}

/** Encodes text and byte strings of up to 65,535 bytes in CBOR (RFC 8949). */
const cborText = (text: string): Buffer => Buffer.concat([Buffer.from([0x60 + text.length]), Buffer.from(text)]);
const cborBytes = (bytes: Buffer): Buffer =>
  Buffer.concat([
    bytes.length < 256 ? Buffer.from([0x58, bytes.length]) : Buffer.from([0x59, ...uint(bytes.length, 2)]),
    bytes,
  ]);

/** Encodes a P-256 key as a COSE key (RFC 9052). */
function coseKey(publicKey: KeyObject): Buffer {
  const { x, y } = publicKey.export({ format: 'jwk' }) as { x: string; y: string };
  const coordinate = (text: string): Buffer => cborBytes(Buffer.from(text, 'base64url'));
  return Buffer.concat([
    Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21]),
    coordinate(x),
    Buffer.from([0x22]),
    coordinate(y),
  ]);
}

/** The options that MIR sends to a browser. */
interface Options {
  challenge: string;
}

/** Creates passkeys and signs challenges as a browser with an authenticator does (WebAuthn Level 3). */
export interface Authenticator {
  create(options: Options): { id: string };
  /** `counter` overrides the number of signatures, as a copy of the authenticator would. */
  sign(options: Options, counter?: number): { id: string };
}

export function newAuthenticator(publicUrl: string, { verifiesUser = true } = {}): Authenticator {
  const { hostname, origin } = new URL(publicUrl);
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const rawId = randomBytes(16);
  const id = rawId.toString('base64url');
  const flags = USER_PRESENT | (verifiesUser ? USER_VERIFIED : 0);
  let signatures = 0;

  const clientData = (type: string, challenge: string): Buffer =>
    Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false }));
  const authenticatorData = (more: number, counter: number, rest: Buffer): Buffer =>
    Buffer.concat([sha256(hostname), Buffer.from([flags | more]), uint(counter, 4), rest]);
  const envelope = (response: Record<string, unknown>): { id: string } => {
    const credential = { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response };
    return credential;
  };

  return {
    create: ({ challenge }) => {
      const credential = Buffer.concat([Buffer.alloc(16), uint(rawId.length, 2), rawId, coseKey(publicKey)]);
      const data = authenticatorData(HAS_CREDENTIAL, signatures, credential);
      const attestation = Buffer.concat([
        Buffer.from([0xa3]),
        cborText('fmt'),
        cborText('none'),
        cborText('attStmt'),
        Buffer.from([0xa0]),
        cborText('authData'),
        cborBytes(data),
      ]);
      return envelope({
        clientDataJSON: clientData('webauthn.create', challenge).toString('base64url'),
        attestationObject: attestation.toString('base64url'),
        transports: ['internal'],
      });
    },
    sign: ({ challenge }, counter = (signatures += 1)) => {
      const client = clientData('webauthn.get', challenge);
      const data = authenticatorData(0, counter, Buffer.alloc(0));
      const signature = sign('sha256', Buffer.concat([data, sha256(client)]), privateKey);
      return envelope({
        clientDataJSON: client.toString('base64url'),
        authenticatorData: data.toString('base64url'),
        signature: signature.toString('base64url'),
      });
    },
  };
}
