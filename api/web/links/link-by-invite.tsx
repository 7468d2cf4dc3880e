import { processThrottle, throttledAddress, type ThrottleRule } from '../../http/throttle';
import type { IdentityId } from '../../../shared/domain/ids';
import { type FoundRequest, findRequest, hashOfToken } from '../../links/find-link-request';
import { page, type PageResponse, type PageCall } from '../http/page';
import { Consent, Introduction } from './consent';
import { decide, outcomePage, returnOrigin } from './decide';
import { readHistoryWith } from '../../links/read-history';

/** Maximum number of unknown tokens per IP address. Counted in each process, so that the page works without Redis. */
export const UNKNOWN_INVITES: ThrottleRule = {
  name: 'unknown-invites',
  points: 60,
  seconds: 60,
  rejection: 'Too many invitation links from your IP address were not valid. Try again in a minute.',
};

/**
 * Returns the state of the invitation with this token. Counts the attempt before it looks up the token, and refunds it
 * if the token exists. Throws 429 after too many unknown tokens.
 */
async function findInvitation(
  { ctx, ip }: PageCall,
  token: string,
  identityId: IdentityId | null,
): Promise<FoundRequest> {
  const tokenHash = hashOfToken(token);
  const find = (): Promise<FoundRequest> => findRequest(ctx, tokenHash, identityId, new Date());
  // A text that cannot be a token does not cause a lookup.
  if (tokenHash === null) return find();
  const attempts = processThrottle(ctx, UNKNOWN_INVITES);
  const address = throttledAddress(ip);
  await attempts.take(address);
  const found = await find().catch(async (error: unknown) => {
    await attempts.giveBack(address);
    throw error;
  });
  if (found.request !== null) await attempts.giveBack(address);
  return found;
}

const pathOf = (token: string): string => `/link/${token}`;

type Open = Extract<FoundRequest, { kind: 'OPEN' }>;

async function askForConsent(
  { ctx }: PageCall,
  identityId: IdentityId,
  { request, partner }: Open,
  token: string,
): Promise<PageResponse> {
  const signals = await readHistoryWith(ctx, identityId, request, new Date());
  return {
    html: <Consent request={request} partner={partner} signals={signals} action={pathOf(token)} />,
    ...returnOrigin(request, partner),
  };
}

/** The page for an invitation: an introduction before login, and the consent form after login. */
export const invitePage = page({
  method: 'GET',
  path: '/link/:token',
  tokenInUrl: true,
  handle: async (call) => {
    const { session, params } = call;
    const token = params['token'] ?? '';
    const identityId = (session?.identityId ?? null) as IdentityId | null;
    const found = await findInvitation(call, token, identityId);
    if (found.kind !== 'OPEN') return outcomePage(found);
    if (identityId === null) {
      return { html: <Introduction request={found.request} partner={found.partner} next={pathOf(token)} /> };
    }
    return askForConsent(call, identityId, found, token);
  },
});

/** Handles the decision on an invitation. */
export const decideInvite = page({
  method: 'POST',
  path: '/link/:token',
  tokenInUrl: true,
  handle: async (call) => {
    const { session, params } = call;
    const token = params['token'] ?? '';
    if (!session) return { redirect: pathOf(encodeURIComponent(token)) };
    const identityId = session.identityId as IdentityId;
    const found = await findInvitation(call, token, identityId);
    if (found.kind !== 'OPEN') return outcomePage(found);
    return (
      (await decide(call, identityId, found.request, found.partner)) ?? askForConsent(call, identityId, found, token)
    );
  },
});
