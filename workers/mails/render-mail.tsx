import { Fragment } from 'preact';
import { renderToString } from 'preact-render-to-string';
import type { Config } from '../../shared/config/config';
import {
  APPLICATION_LINK_DAYS,
  INVITATION_DAYS,
  RESET_LINK_MINUTES,
  VERIFY_LINK_HOURS,
} from '../../shared/domain/mailed-link';
import type { Mail } from '../../shared/queue/mail-queue';
import type { ApplicantMail, NoticeReason, StaffMail } from '../../shared/store/queued-mails';

type FactsKind = NoticeReason | (StaffMail | ApplicantMail)['reason'];
type MailKind = 'VERIFY' | 'ALREADY_SIGNED_UP' | 'RESET' | FactsKind;

/** What an email says, to whom. */
export interface MailContent {
  kind: MailKind;
  to: string;
  /** The secret in the link. */
  token?: string;
  /** Values in the text. */
  facts?: Record<string, string>;
}

/** An email's text: paragraphs around one link. */
interface EmailText {
  subject: string;
  before: string[];
  link: string;
  after: string[];
  /** Lines that say who sent the email. */
  sender: string[];
}

type Template = Omit<EmailText, 'link' | 'sender'> & { path: string };

const PERSON_TEXTS: Record<Exclude<MailKind, FactsKind>, Template> = {
  VERIFY: {
    path: '/verify',
    subject: 'Confirm your email address for MIR',
    before: [
      'Someone signed up for MIR with this email address. If this was you, open this page to confirm the address and choose your password:',
    ],
    after: [
      `The link works only once and expires after ${VERIFY_LINK_HOURS} hours.`,
      'If this wasn’t you, ignore this email. No account is created, and we delete the sign-up after two days.',
    ],
  },
  ALREADY_SIGNED_UP: {
    path: '/login',
    subject: 'You already have a MIR account',
    before: [
      'Someone tried to sign up for MIR with this email address. The address already has an account, so nothing has changed. If this was you, log in:',
    ],
    after: [
      'If you forgot your password, you can choose a new one on the login page. If this wasn’t you, ignore this email.',
    ],
  },
  RESET: {
    path: '/reset',
    subject: 'Choose a new password for MIR',
    before: ['Someone requested a new password for your MIR account. If this was you, open this page to choose one:'],
    after: [
      `The link works only once and expires after ${RESET_LINK_MINUTES} minutes. A new password logs you out on every device.`,
      'If this wasn’t you, ignore this email. Your password stays the same.',
    ],
  },
};

const FACTS_TEXTS: Record<FactsKind, (facts: Record<string, string>) => Template> = {
  INVITATION: ({ invitedBy, partner }) => ({
    path: '/portal/invitation',
    subject: `You’re invited to ${partner || 'operate a MIR server'}${partner ? ' on MIR' : ''}`,
    before: [
      partner
        ? `${invitedBy || partner} invited you to become a member of ${partner} on MIR. Members see and manage what ${partner} submits to MIR. To accept, open this page:`
        : `${invitedBy} invited you to help operate this MIR server. To accept, open this page:`,
    ],
    after: [
      `The link works only once and expires after ${INVITATION_DAYS} days.`,
      'If you don’t expect this invitation, ignore this email. Nothing happens then.',
    ],
  }),
  CONFIRM_APPLICATION: ({ name, applicationId }) => ({
    path: '/partners/applications/confirm',
    subject: 'Confirm your application to MIR',
    before: [
      `Someone applied with this email address to make ${name} a partner of this MIR server. If this was you, open this page to confirm the address:`,
    ],
    after: [
      `The link expires after ${APPLICATION_LINK_DAYS} days. Your application ID is ${applicationId}. Once the address is confirmed, you can look up the status of your application with both. We’ll email you the decision.`,
      'If this wasn’t you, ignore this email.',
    ],
  }),
  APPLICATION_REJECTED: ({ name, applicationId, reason }) => ({
    path: '/partners',
    subject: 'Your application to MIR was rejected',
    before: [
      `The operator of this MIR server rejected the application ${applicationId} to make ${name} a partner.`,
      ...(reason ? [`Reason: ${reason}`] : []),
      'You can apply again:',
    ],
    after: [],
  }),
  APPLICATION_APPROVED: ({ partner }) => ({
    path: '/portal/invitation',
    subject: 'Your application to MIR was approved',
    before: [
      `${partner} is now a partner of this MIR server. You’re invited to become its first administrator. To accept, open this page:`,
    ],
    after: [
      `The link works only once and expires after ${INVITATION_DAYS} days. As an administrator, you invite your colleagues, and create and manage API keys. If the operator has issued the first API keys, you get them separately.`,
      'If you don’t expect this email, ignore it. Nobody becomes an administrator then.',
    ],
  }),
  STAFF_RESET: () => ({
    path: '/portal/reset',
    subject: 'Choose a new password for your MIR staff account',
    before: [
      'Someone requested a new password for your MIR staff account. If this was you, open this page to choose one:',
    ],
    after: [
      `The link works only once and expires after ${RESET_LINK_MINUTES} minutes. A new password logs you out on every device.`,
      'If this wasn’t you, ignore this email. Your password stays the same.',
    ],
  }),
  WEBHOOK_DISABLED: ({ partner, environment, host }) => ({
    path: '/guide',
    subject: 'MIR stopped sending webhooks to one of your endpoints',
    before: [
      `Every webhook message to ${host} failed for a day, so MIR no longer sends messages to this endpoint of ${partner} (${environment} environment).`,
      'Messages are kept for 30 days. Fix the endpoint, enable it again, and then send what it missed. The chapter “Webhooks” of the guide explains how:',
    ],
    after: [],
  }),
  KEY_LEAKED: ({ partner, environment, name, prefix }) => ({
    path: '/guide',
    subject: 'A MIR API key of yours was reported as leaked',
    before: [
      `Someone who has the API key “${name}” (${prefix}…) of ${partner} (${environment} environment) reported it as leaked. MIR revoked the key at once, so it no longer works.`,
      'Create a new key, and check your audit log for what the old one did. The chapter “API keys” of the guide explains how:',
    ],
    after: [],
  }),
};

/** Settings that an email's text depends on. */
type MailSettings = Pick<Config, 'publicUrl' | 'operator'>;

/** Returns the last lines of an email: who operates this server, and how to reach them. */
function senderOf({ name, contact }: Config['operator']): string[] {
  const operator = name === null ? [] : [`This MIR server is operated by ${name}.`];
  return ['MIR', ...operator, ...(contact === null ? [] : [`Contact: ${contact}`])];
}

function htmlOf({ before, link, after, sender }: EmailText): string {
  const html = (
    <html lang="en">
      <body>
        {before.map((text) => (
          <p key={text}>{text}</p>
        ))}
        <p>
          <a href={link}>{link}</a>
        </p>
        {after.map((text) => (
          <p key={text}>{text}</p>
        ))}
        <p>
          {sender.map((line, index) => (
            <Fragment key={line}>
              {index > 0 && <br />}
              {line}
            </Fragment>
          ))}
        </p>
      </body>
    </html>
  );
  return `<!doctype html>${renderToString(html)}`;
}

const hasFacts = (kind: MailKind): kind is FactsKind => kind in FACTS_TEXTS;

function templateOf(kind: MailKind, facts: Record<string, string>): Template {
  return hasFacts(kind) ? FACTS_TEXTS[kind](facts) : PERSON_TEXTS[kind];
}

/** Returns an email. `next` is the path to open after login. */
export function renderMail(
  { kind, to, token, facts = {} }: MailContent,
  { next, config: { publicUrl, operator } }: { next: string | null; config: MailSettings },
): Mail {
  const { path, ...text } = templateOf(kind, facts);
  const query = new URLSearchParams({ ...(token && { token }), ...(next !== null && { next }) }).toString();
  const content: EmailText = {
    ...text,
    link: `${publicUrl}${path}${query && `?${query}`}`,
    sender: senderOf(operator),
  };
  const paragraphs = [...content.before, content.link, ...content.after, content.sender.join('\n')];
  return { to, subject: content.subject, text: `${paragraphs.join('\n\n')}\n`, html: htmlOf(content) };
}
