import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Secrets } from '../../../shared/domain/subject';
import { PublicError } from '../../http/public-error';

/** The token that a form carries unseen: bound to the session, before log-in to the visitor. It changes at log-in. */
export function csrfTokenOf(
  { forms }: Pick<Secrets, 'forms'>,
  bearer: { sessionId: string | null; visitor: string },
): string {
  const of = bearer.sessionId === null ? `visitor|${bearer.visitor}` : `session|${bearer.sessionId}`;
  return createHmac('sha256', forms).update(of).digest('base64url');
}

function rejectForm(why: string): never {
  throw new PublicError(
    'FORM_REFUSED',
    `${why} Nothing was done. Go back, load the page again, and send it once more.`,
  );
}

/**
 * Throws 403 when a browser says that a post comes from another site. From a page with a token in its URL, which has no
 * referrer, browsers send the origin `null`. Most still say `same-origin`; those that do not are left to the form token.
 */
export function checkOrigin(headers: IncomingHttpHeaders, publicUrl: string, tokenInUrl: boolean): void {
  const { origin } = headers;
  const own = new URL(publicUrl).origin;
  const site = headers['sec-fetch-site'];
  const hidden = origin === 'null' && (site === 'same-origin' || (site === undefined && tokenInUrl));
  const ownOrigin = origin === undefined || origin === own || hidden;
  if (!ownOrigin || (site !== undefined && site !== 'same-origin'))
    rejectForm(`This form was not sent from a page of ${own}, which is where this MIR lives.`);
}

/** Throws 403 unless the posted token is the one that this visitor's page carried. */
export function checkCsrfToken(posted: string | undefined, expected: string): void {
  const given = Buffer.from(posted ?? '');
  const wanted = Buffer.from(expected);
  if (given.length === wanted.length && timingSafeEqual(given, wanted)) return;
  rejectForm(
    'This form is no longer current: you logged in or out since it was opened, or your browser keeps no cookies.',
  );
}
