import type { VNode } from 'preact';
import type { LinkRejection } from '../../links/link-outcome';
import type { PartnerDoc } from '../../../shared/store/partners';
import { MAX_LINKS_PER_IDENTITY } from '../../../shared/domain/link';
import { Actions, ButtonLink } from '../design/form';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';

interface Words {
  status: number;
  title: string;
  text: (partner: string) => string;
}

/** Each reason has its status, what happened and what to do next. */
const WORDS: Record<LinkRejection, Words> = {
  UNKNOWN: {
    status: 404,
    title: 'This link is not known here',
    text: (partner) =>
      `It may have been cut off on its way. Open it again from where you got it, or ask ${partner} for a new one.`,
  },
  EXPIRED: {
    status: 410,
    title: 'This link has expired',
    text: (partner) => `Nothing was connected. Ask ${partner} for a new link; it takes a moment.`,
  },
  USED: {
    status: 410,
    title: 'This link was used already',
    text: (partner) =>
      `A link works once. If you did not use it yourself, tell ${partner}: somebody else may have opened it.`,
  },
  DECLINED: {
    status: 410,
    title: 'This link was declined',
    text: (partner) => `Nothing was connected. If you changed your mind, ask ${partner} for a new link.`,
  },
  PARTNER_UNAVAILABLE: {
    status: 403,
    title: 'This platform cannot be connected now',
    text: () =>
      'It does not take part in MIR at the moment. Nothing was connected, and there is nothing for you to do.',
  },
  LINKED_ELSEWHERE: {
    status: 409,
    title: 'This account is connected to another MIR identity',
    text: () =>
      'An account belongs to one identity at a time. Log in with the other identity and disconnect it there, then open this link again.',
  },
  TOO_MANY_LINKS: {
    status: 409,
    title: 'You have too many connected accounts',
    text: () =>
      `One identity can have ${MAX_LINKS_PER_IDENTITY}. Disconnect one that you do not need, then open this link again.`,
  },
};

/** Why a request for a link leads nowhere, as a page with its status. */
export function rejectedPage(
  rejection: LinkRejection,
  partner: Pick<PartnerDoc, 'name'> | null,
): { status: number; html: VNode } {
  const { status, title, text } = WORDS[rejection];
  return {
    status,
    html: (
      <Layout title={title}>
        <Heading>{title}</Heading>
        <p>{text(partner?.name ?? 'whoever gave it to you')}</p>
        <Actions>
          <ButtonLink href="/account" plain>
            To my account
          </ButtonLink>
        </Actions>
      </Layout>
    ),
  };
}
