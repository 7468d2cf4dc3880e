import type { VNode } from 'preact';
import type { IdentityId } from '../../../shared/domain/ids';
import type { LinkRequestDoc } from '../../../shared/store/link-requests';
import type { PartnerDoc } from '../../../shared/store/partners';
import { confirmLink, declineLink } from '../../links/confirm-link';
import { isAllowedReturn } from '../../links/create-link-request';
import type { FoundRequest } from '../../links/find-link-request';
import type { SettledLink } from '../../links/link-outcome';
import type { CacheState } from '../../links/link-transaction';
import { Actions, ButtonLink } from '../design/form';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';
import type { PageAnswer, PageCall } from '../http/page';
import { CONNECT, DECISION_FIELD, DECLINE } from './consent';
import { rejectedPage } from './rejected';
import { accountWords } from './read-history';
import { auditContextForPerson } from '../../db/person-context';

/** What the partner's page is told in `link`. */
type Told = 'linked' | 'pending' | 'declined';

/** The partner's page with what happened and its own `state`; null when it may not be gone to (any more). */
function returnTo(request: LinkRequestDoc, partner: PartnerDoc, told: Told): URL | null {
  const { returnUrl, state } = request;
  if (returnUrl === undefined || !isAllowedReturn(returnUrl, partner.allowedReturnOrigins)) return null;
  const url = new URL(returnUrl);
  url.searchParams.set('link', told);
  if (state !== undefined) url.searchParams.set('state', state);
  return url;
}

/** The origin that the consent's form may lead to. */
export function returnOrigin(request: LinkRequestDoc, partner: PartnerDoc): { formAction?: string } {
  const url = returnTo(request, partner, 'linked');
  return url === null ? {} : { formAction: url.origin };
}

function Outcome({ title, children }: { title: string; children: string }): VNode {
  return (
    <Layout title={title}>
      <Heading>{title}</Heading>
      <p>{children}</p>
      <Actions>
        <ButtonLink href="/account">To my account</ButtonLink>
      </Actions>
    </Layout>
  );
}

/** It is connected: what that means from now on. */
function Connected({ account, partner }: { account: string; partner: Pick<PartnerDoc, 'name'> }): VNode {
  const text = `${partner.name} now sees how much history you have, how long and how recent. You can disconnect ${account} at any time in your account.`;
  return <Outcome title={`Connected to ${partner.name}`}>{text}</Outcome>;
}

function Pending({ partner }: { partner: PartnerDoc }): VNode {
  const text = `Your answer is stored, but part of our system cannot be reached, so ${partner.name} may not see it yet. It will by itself; there is nothing for you to do.`;
  return <Outcome title="Not finished yet">{text}</Outcome>;
}

function Declined({ partner }: { partner: PartnerDoc }): VNode {
  const text = `${partner.name} does not see your history on other platforms. ${partner.name} can see that you declined. If you change your mind, ask there for a new link.`;
  return <Outcome title="Not connected">{text}</Outcome>;
}

function connected(request: LinkRequestDoc, partner: PartnerDoc, cacheState: CacheState): PageAnswer {
  const pending = cacheState === 'pending';
  const leaveTo = returnTo(request, partner, pending ? 'pending' : 'linked');
  if (leaveTo) return { leaveTo };
  if (pending) return { status: 202, html: <Pending partner={partner} /> };
  return { html: <Connected account={accountWords(request.accountLabel, partner)} partner={partner} /> };
}

/** The page of a request that is not open, or no longer: connected, declined, or why it cannot be followed. */
export function outcomePage(found: Exclude<FoundRequest, { kind: 'OPEN' }>): PageAnswer {
  switch (found.kind) {
    case 'REJECTED':
      return rejectedPage(found.rejection, found.partner);
    case 'DECLINED': {
      const leaveTo = returnTo(found.request, found.partner, 'declined');
      return leaveTo ? { leaveTo } : { html: <Declined partner={found.partner} /> };
    }
    default:
      return connected(found.request, found.partner, found.cacheState);
  }
}

/** Carries out a person's answer to the question and returns the outcome. Null: neither button was pressed. */
function outcomeOf(
  { ctx, requestId, form }: Pick<PageCall, 'ctx' | 'requestId' | 'form'>,
  identityId: IdentityId,
  request: LinkRequestDoc,
): Promise<SettledLink> | null {
  const auditContext = auditContextForPerson(requestId);
  switch (form[DECISION_FIELD]) {
    case CONNECT:
      return confirmLink(ctx, request, identityId, auditContext);
    case DECLINE:
      return declineLink(ctx, request, identityId, auditContext);
    default:
      return null;
  }
}

/** A person's answer to the question, carried out, as a page. Null: neither button was pressed. */
export async function decide(
  call: Pick<PageCall, 'ctx' | 'requestId' | 'form'>,
  identityId: IdentityId,
  request: LinkRequestDoc,
  partner: PartnerDoc,
): Promise<PageAnswer | null> {
  const outcome = await outcomeOf(call, identityId, request);
  return outcome && outcomePage({ ...outcome, request, partner });
}
