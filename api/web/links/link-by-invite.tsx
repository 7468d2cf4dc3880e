import type { IdentityId } from '../../../shared/domain/ids';
import { type FoundRequest, findRequest, hashOfToken } from '../../links/find-link-request';
import { page, type PageResponse, type PageCall } from '../http/page';
import { Consent, Introduction } from './consent';
import { decide, outcomePage, returnOrigin } from './decide';
import { readHistoryWith } from './read-history';

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
    const { ctx, session, params } = call;
    const token = params['token'] ?? '';
    const identityId = (session?.identityId ?? null) as IdentityId | null;
    const found = await findRequest(ctx, hashOfToken(token), identityId, new Date());
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
    const { ctx, session, params } = call;
    const token = params['token'] ?? '';
    if (!session) return { redirect: pathOf(encodeURIComponent(token)) };
    const identityId = session.identityId as IdentityId;
    const found = await findRequest(ctx, hashOfToken(token), identityId, new Date());
    if (found.kind !== 'OPEN') return outcomePage(found);
    return (
      (await decide(call, identityId, found.request, found.partner)) ?? askForConsent(call, identityId, found, token)
    );
  },
});
