import type { VNode } from 'preact';
import type { LinkRejection } from '../../links/link-outcome';
import type { PartnerDoc } from '../../../shared/store/partners';
import { MAX_LINKS_PER_IDENTITY } from '../../../shared/domain/link';
import { Panel } from '../design/app-parts';
import { Actions, ButtonLink } from '../design/form';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';

interface RejectionText {
  status: number;
  title: string;
  text: (partner: string) => string;
}

const TEXTS: Record<LinkRejection, RejectionText> = {
  UNKNOWN: {
    status: 404,
    title: 'This link is not valid',
    text: (partner) =>
      `The link may be incomplete. Go back to where you got it and open it again, or ask ${partner} for a new link.`,
  },
  EXPIRED: {
    status: 410,
    title: 'This link has expired',
    text: (partner) => `Nothing was connected. Ask ${partner} for a new link.`,
  },
  USED: {
    status: 410,
    title: 'This link was already used',
    text: (partner) =>
      `A link works only once. If you didn’t use it, contact ${partner}, because someone else may have used it.`,
  },
  DECLINED: {
    status: 410,
    title: 'This link was declined',
    text: (partner) => `Nothing was connected. If you’ve changed your mind, ask ${partner} for a new link.`,
  },
  PARTNER_UNAVAILABLE: {
    status: 403,
    title: 'This platform can’t be connected right now',
    text: () =>
      'The platform isn’t taking part in MIR at the moment. Nothing was connected, and you don’t need to do anything.',
  },
  LINKED_ELSEWHERE: {
    status: 409,
    title: 'This account is connected to another MIR account',
    text: () =>
      'An account can be connected to only one MIR account at a time. Log in to the other MIR account and disconnect it there, then open this link again.',
  },
  TOO_MANY_LINKS: {
    status: 409,
    title: 'You have too many connected accounts',
    text: () =>
      `You can connect up to ${MAX_LINKS_PER_IDENTITY} accounts. Disconnect one that you don’t need, then open this link again.`,
  },
};

/** Shows why a link request was rejected. */
export function rejectedPage(
  rejection: LinkRejection,
  partner: Pick<PartnerDoc, 'name'> | null,
): { status: number; html: VNode } {
  const { status, title, text } = TEXTS[rejection];
  return {
    status,
    html: (
      <Layout title={title}>
        <Heading>{title}</Heading>
        <Panel>
          <p>{text(partner?.name ?? 'the platform that gave it to you')}</p>
          <Actions>
            <ButtonLink href="/account" plain>
              Go to your account
            </ButtonLink>
          </Actions>
        </Panel>
      </Layout>
    ),
  };
}
