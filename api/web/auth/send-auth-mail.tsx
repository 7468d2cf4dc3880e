import { renderToString } from 'preact-render-to-string';
import type { AuthMail } from '../../accounts/better-auth';
import { RESET_LINK_MINUTES, VERIFY_LINK_HOURS } from '../../accounts/better-auth';
import type { ApiContext } from '../../context';
import { withNext } from '../http/next-path';

/** A mail's words: paragraphs, with one link among them. */
interface Words {
  subject: string;
  before: string[];
  link: string;
  after: string[];
}

const WORDS: Record<AuthMail['kind'], Omit<Words, 'link'> & { path: string }> = {
  VERIFY: {
    path: '/verify',
    subject: 'Confirm your address for MIR',
    before: [
      'Someone signed up to MIR with this e-mail address. If it was you, open this page to confirm the address and choose your password:',
    ],
    after: [
      `The link works once, for ${VERIFY_LINK_HOURS} hours.`,
      'If it was not you, do nothing. No account is opened, and we delete the sign-up after two days.',
    ],
  },
  ALREADY_SIGNED_UP: {
    path: '/login',
    subject: 'You already have a MIR account',
    before: [
      'Somebody tried to sign up to MIR with this e-mail address. It has an account already, so nothing changed. If it was you, log in:',
    ],
    after: ['If you forgot your password, that page leads to a new one. If it was not you, do nothing.'],
  },
  RESET: {
    path: '/reset',
    subject: 'Choose a new password for MIR',
    before: ['Somebody asked for a new password for your MIR account. If it was you, open this page and choose one:'],
    after: [
      `The link works once, for ${RESET_LINK_MINUTES} minutes. A new password ends all sessions of your account.`,
      'If it was not you, do nothing. Your password stays as it is.',
    ],
  },
};

function linkOf(mail: AuthMail, publicUrl: string, next: string | null): string {
  const { path } = WORDS[mail.kind];
  return publicUrl + withNext('token' in mail ? `${path}?token=${encodeURIComponent(mail.token)}` : path, next);
}

function htmlOf({ before, link, after }: Words): string {
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

/** Queues the mail that an account asks for, with `next` in its link. Nothing to send is fine too. */
export async function sendAuthMail(
  { mailQueue, config }: Pick<ApiContext, 'mailQueue' | 'config'>,
  mail: AuthMail | null,
  next: string | null,
): Promise<void> {
  if (mail === null) return;
  const words: Words = { ...WORDS[mail.kind], link: linkOf(mail, config.publicUrl, next) };
  const text = [...words.before, words.link, ...words.after, 'MIR'].join('\n\n');
  await mailQueue.add({ to: mail.to.toLowerCase(), subject: words.subject, text: `${text}\n`, html: htmlOf(words) });
}
