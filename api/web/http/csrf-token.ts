import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Secrets } from '../../../shared/domain/subject';
import { PublicError } from '../../http/public-error';

/** Returns the CSRF token for forms, bound to the session, or to the visitor before login. */
export function csrfTokenOf(
  { forms }: Pick<Secrets, 'forms'>,
  bearer: { sessionId: string | null; visitor: string },
): string {
  const subject = bearer.sessionId === null ? `visitor|${bearer.visitor}` : `session|${bearer.sessionId}`;
  return createHmac('sha256', forms).update(subject).digest('base64url');
}

function rejectForm(why: string): never {
  throw new PublicError(
    'FORM_REFUSED',
    `${why} Nothing was changed. Go back, reload the page, and submit the form again.`,
  );
}

/**
 * Throws 403 when the browser reports that a POST comes from another site. Pages with a token in their URL do not send
 * a referrer, and browsers post forms from these pages with the origin `null`. Most browsers also send
 * `Sec-Fetch-Site`, which distinguishes our own pages from other sites; without this header, the CSRF token alone
 * protects the form.
 */
export function checkOrigin(headers: IncomingHttpHeaders, publicUrl: string, tokenInUrl: boolean): void {
  const { origin } = headers;
  const own = new URL(publicUrl).origin;
  const site = headers['sec-fetch-site'];
  const hidden = origin === 'null' && (site === 'same-origin' || (site === undefined && tokenInUrl));
  const ownOrigin = origin === undefined || origin === own || hidden;
  if (!ownOrigin || (site !== undefined && site !== 'same-origin'))
    rejectForm(`This form was not sent from a page on ${own}.`);
}

/** Throws 403 unless the posted token is the one that was issued to this session or visitor. */
export function checkCsrfToken(posted: string | undefined, expected: string): void {
  const actual = Buffer.from(posted ?? '');
  const wanted = Buffer.from(expected);
  if (actual.length === wanted.length && timingSafeEqual(actual, wanted)) return;
  rejectForm('This form is no longer valid: you logged in or out after you opened it, or your browser blocks cookies.');
}
