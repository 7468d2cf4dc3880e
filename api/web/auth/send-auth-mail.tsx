import { renderToString } from 'preact-render-to-string';
import type { AuthMail } from '../../accounts/better-auth';
import { RESET_LINK_MINUTES, VERIFY_LINK_HOURS } from '../../accounts/better-auth';
import type { ApiContext } from '../../context';
import { withNext } from '../http/next-path';

/** An email's text: paragraphs around one link. */
interface EmailText {
  subject: string;
  before: string[];
  link: string;
  after: string[];
}

const TEXTS: Record<AuthMail['kind'], Omit<EmailText, 'link'> & { path: string }> = {
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

function linkOf(mail: AuthMail, publicUrl: string, next: string | null): string {
  const { path } = TEXTS[mail.kind];
  return publicUrl + withNext('token' in mail ? `${path}?token=${encodeURIComponent(mail.token)}` : path, next);
}

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

/** Queues an account email, with `next` in its link. Does nothing when `mail` is null. */
export async function sendAuthMail(
  { mailQueue, config }: Pick<ApiContext, 'mailQueue' | 'config'>,
  mail: AuthMail | null,
  next: string | null,
): Promise<void> {
  if (mail === null) return;
  const content: EmailText = { ...TEXTS[mail.kind], link: linkOf(mail, config.publicUrl, next) };
  const text = [...content.before, content.link, ...content.after, 'MIR'].join('\n\n');
  const { subject } = content;
  await mailQueue.add({ to: mail.to.toLowerCase(), subject, text: `${text}\n`, html: htmlOf(content) });
}
