import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import { newId } from '../../shared/domain/ids';
import type { Runtime } from '../../shared/runtime';
import type { PasskeyDoc } from '../../shared/store/passkeys';

const CHALLENGE_MS = 5 * 60_000;
/** Maximum number of passkeys of an account. */
export const MAX_PASSKEYS = 20;

type Deps = Pick<Runtime, 'store' | 'config'>;

/** The options of a ceremony, for `navigator.credentials` in the browser, and the ID of its challenge. */
interface Ceremony {
  challengeId: string;
  options: object;
}

/** The party that passkeys belong to: the host name of this server (WebAuthn Level 3, section 5.1.2). */
function relyingParty({ config }: Deps): { id: string; origin: string } {
  const { hostname, origin } = new URL(config.publicUrl);
  return { id: hostname, origin };
}

async function keepChallenge({ store }: Deps, challenge: string, staffId: string | null): Promise<string> {
  const _id = newId('chl');
  await store.challenges.insert({ _id, challenge, staffId, expiresAt: new Date(Date.now() + CHALLENGE_MS) });
  return _id;
}

// The library is slow to load, so it is loaded on first use.
const library = () => import('@simplewebauthn/server');

/** Returns the options with which a browser creates a passkey for an account. */
export async function passkeyCreation(
  deps: Deps,
  { staffId, email, name }: { staffId: string; email: string; name: string },
): Promise<Ceremony> {
  const { generateRegistrationOptions } = await library();
  const existing = await deps.store.passkeys.of(staffId);
  const options = await generateRegistrationOptions({
    rpName: 'MIR',
    rpID: relyingParty(deps).id,
    userID: new Uint8Array(Buffer.from(staffId)),
    userName: email,
    userDisplayName: name,
    attestationType: 'none',
    excludeCredentials: existing.map(({ _id }) => ({ id: _id })),
    // A passkey replaces both the password and the code, so it must verify the person, and must be found by itself.
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
  });
  return { challengeId: await keepChallenge(deps, options.challenge, staffId), options };
}

/** Stores the passkey that a browser has created. Returns null if its response does not fit the challenge. */
export async function addPasskey(
  deps: Deps,
  staffId: string,
  { challengeId, response, name }: { challengeId: string; response: unknown; name: string },
): Promise<PasskeyDoc | null> {
  const { verifyRegistrationResponse } = await library();
  const expectedChallenge = await deps.store.challenges.take(challengeId, staffId);
  if (expectedChallenge === null) return null;
  const { id: expectedRPID, origin: expectedOrigin } = relyingParty(deps);
  const verified = await verifyRegistrationResponse({
    response: response as RegistrationResponseJSON,
    expectedChallenge,
    expectedOrigin,
    expectedRPID,
    requireUserVerification: true,
  }).catch(() => null);
  if (!verified?.verified) return null;
  const { credential } = verified.registrationInfo;
  const passkey: PasskeyDoc = {
    _id: credential.id,
    staffId,
    name,
    publicKey: Buffer.from(credential.publicKey).toString('base64url'),
    counter: credential.counter,
    transports: credential.transports ?? [],
    createdAt: new Date(),
  };
  await deps.store.passkeys.insert(passkey);
  return passkey;
}

/** Returns the options with which a browser logs in with a passkey. They name no account. */
export async function passkeyLogIn(deps: Deps): Promise<Ceremony> {
  const { generateAuthenticationOptions } = await library();
  const options = await generateAuthenticationOptions({
    rpID: relyingParty(deps).id,
    userVerification: 'required',
  });
  return { challengeId: await keepChallenge(deps, options.challenge, null), options };
}

/** Returns the account whose passkey has signed a login's challenge, or null if none has. */
export async function accountOfPasskey(
  deps: Deps,
  { challengeId, response }: { challengeId: string; response: { id: string } },
): Promise<string | null> {
  const { verifyAuthenticationResponse } = await library();
  const expectedChallenge = await deps.store.challenges.take(challengeId, null);
  const passkey = await deps.store.passkeys.get(response.id);
  if (expectedChallenge === null || !passkey) return null;
  const { id: expectedRPID, origin: expectedOrigin } = relyingParty(deps);
  const verified = await verifyAuthenticationResponse({
    response: response as AuthenticationResponseJSON,
    expectedChallenge,
    expectedOrigin,
    expectedRPID,
    requireUserVerification: true,
    credential: {
      id: passkey._id,
      publicKey: new Uint8Array(Buffer.from(passkey.publicKey, 'base64url')),
      counter: passkey.counter,
    },
  }).catch(() => null);
  if (!verified?.verified) return null;
  const isNewest = await deps.store.passkeys.recordUse(passkey, verified.authenticationInfo.newCounter, new Date());
  return isNewest ? passkey.staffId : null;
}
