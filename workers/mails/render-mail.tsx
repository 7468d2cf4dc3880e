import { renderToString } from 'preact-render-to-string';
import { RESET_LINK_MINUTES, VERIFY_LINK_HOURS } from '../../shared/domain/mailed-link';
import type { Mail } from '../../shared/queue/mail-queue';

export type MailKind = 'VERIFY' | 'ALREADY_SIGNED_UP' | 'RESET';

/** An email's text: paragraphs around one link. */
interface EmailText {
  subject: string;
  before: string[];
  link: string;
  after: string[];
}

const TEXTS: Record<MailKind, Omit<EmailText, 'link'> & { path: string }> = {
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

function htmlOf({ before, link, after }: EmailText): string {
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
        <p>MIR</p>
      </body>
    </html>
  );
  return `<!doctype html>${renderToString(html)}`;
}

interface MailParts {
  kind: MailKind;
  to: string;
  /** The secret in the link. Null if the link needs none. */
  token: string | null;
  /** Path to open after login. */
  next: string | null;
}

/** Returns an email about an account. */
export function renderMail({ kind, to, token, next }: MailParts, publicUrl: string): Mail {
  const { path, ...text } = TEXTS[kind];
  const query = new URLSearchParams({ ...(token !== null && { token }), ...(next !== null && { next }) }).toString();
  const content: EmailText = { ...text, link: `${publicUrl}${path}${query && `?${query}`}` };
  const paragraphs = [...content.before, content.link, ...content.after, 'MIR'];
  return { to, subject: content.subject, text: `${paragraphs.join('\n\n')}\n`, html: htmlOf(content) };
}
