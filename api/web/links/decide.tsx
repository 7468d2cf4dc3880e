import type { ComponentChildren, VNode } from 'preact';
import type { IdentityId } from '../../../shared/domain/ids';
import type { LinkRequestDoc } from '../../../shared/store/link-requests';
import type { PartnerDoc } from '../../../shared/store/partners';
import { confirmLink, declineLink } from '../../links/confirm-link';
import { isAllowedReturn } from '../../links/create-link-request';
import type { FoundRequest } from '../../links/find-link-request';
import type { SettledLink } from '../../links/link-outcome';
import type { CacheState } from '../../links/link-transaction';
import { Panel } from '../design/app-parts';
import { Actions, ButtonLink } from '../design/form';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';
import type { PageResponse, PageCall } from '../http/page';
import { CONNECT, DECISION_FIELD, DECLINE } from './consent';
import { rejectedPage } from './rejected';
import { AccountName } from './account-name';
import { auditContextForPerson } from '../../db/person-context';

/** Values of `link` in the query of the partner's return URL. */
type LinkParam = 'linked' | 'pending' | 'declined';

/** Returns the return URL with the outcome and the partner's `state`, or null if there is no allowed return URL. */
function returnTo(request: LinkRequestDoc, partner: PartnerDoc, link: LinkParam): URL | null {
  const { returnUrl, state } = request;
  if (returnUrl === undefined || !isAllowedReturn(returnUrl, partner.allowedReturnOrigins)) return null;
  const url = new URL(returnUrl);
  url.searchParams.set('link', link);
  if (state !== undefined) url.searchParams.set('state', state);
  return url;
}

/** Returns the origin that the consent form may redirect to, or `{}` if there is no allowed return URL. */
export function returnOrigin(request: LinkRequestDoc, partner: PartnerDoc): { formAction?: string } {
  const url = returnTo(request, partner, 'linked');
  return url === null ? {} : { formAction: url.origin };
}

function Outcome({ title, children }: { title: string; children: ComponentChildren }): VNode {
  return (
    <Layout title={title}>
      <Heading>{title}</Heading>
      <Panel>
        <p>{children}</p>
        <Actions>
          <ButtonLink href="/account">Go to your account</ButtonLink>
        </Actions>
      </Panel>
    </Layout>
  );
}

function Connected({
  request,
  partner,
}: {
  request: Pick<LinkRequestDoc, 'accountLabel'>;
  partner: PartnerDoc;
}): VNode {
  return (
    <Outcome title={`Connected to ${partner.name}`}>
      {partner.name} now sees how many events you have, and how long and how recent your history is. You can disconnect{' '}
      <AccountName label={request.accountLabel} partner={partner} /> at any time in your MIR account.
    </Outcome>
  );
}

function Pending({ partner }: { partner: PartnerDoc }): VNode {
  const text = `We saved your decision, but part of our system is unavailable, so ${partner.name} may not see it yet. You don’t need to do anything.`;
  return <Outcome title="Not finished yet">{text}</Outcome>;
}

function Declined({ partner }: { partner: PartnerDoc }): VNode {
  const text = `${partner.name} doesn’t see your history on other platforms. ${partner.name} can see that you declined. If you change your mind, ask ${partner.name} for a new link.`;
  return <Outcome title="Not connected">{text}</Outcome>;
}

function connected(request: LinkRequestDoc, partner: PartnerDoc, cacheState: CacheState): PageResponse {
  const pending = cacheState === 'pending';
  const leaveTo = returnTo(request, partner, pending ? 'pending' : 'linked');
  if (leaveTo) return { leaveTo };
  if (pending) return { status: 202, html: <Pending partner={partner} /> };
  return { html: <Connected request={request} partner={partner} /> };
}

/** Shows the outcome of a request that is no longer open: connected, declined, or rejected with the reason. */
export function outcomePage(found: Exclude<FoundRequest, { kind: 'OPEN' }>): PageResponse {
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

/** Commits the person's decision. Returns null if no button was pressed. */
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

/** Commits the person's decision and returns the page that shows the outcome, or null if no button was pressed. */
export async function decide(
  call: Pick<PageCall, 'ctx' | 'requestId' | 'form'>,
  identityId: IdentityId,
  request: LinkRequestDoc,
  partner: PartnerDoc,
): Promise<PageResponse | null> {
  const outcome = await outcomeOf(call, identityId, request);
  return outcome && outcomePage({ ...outcome, request, partner });
}
