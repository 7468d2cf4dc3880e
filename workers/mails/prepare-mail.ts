import { decryptSecret } from '../../shared/domain/encrypted-secret';
import { RESET_LINK_MINUTES, VERIFY_LINK_HOURS } from '../../shared/domain/mailed-link';
import type { Mail } from '../../shared/queue/mail-queue';
import type { Runtime } from '../../shared/runtime';
import { STORE_TIMEOUT_MS } from '../../shared/store/connect';
import type { IdentityDoc } from '../../shared/store/identities';
import type { QueuedMailDoc } from '../../shared/store/queued-mails';
import { type MailKind, renderMail } from './render-mail';

/** An email is dropped after two worker crashes, so that the recipient does not get a copy after each crash. */
const MAX_CRASHES = 1;
const MINUTE_MS = 60_000;

/** Lifetime of the token in each kind of email. */
const TOKEN_MS: Record<MailKind, number | null> = {
  VERIFY: VERIFY_LINK_HOURS * 60 * MINUTE_MS,
  RESET: RESET_LINK_MINUTES * MINUTE_MS,
  ALREADY_SIGNED_UP: null,
};

function kindOf({ reason }: QueuedMailDoc, { emailVerified }: IdentityDoc): MailKind {
  if (!emailVerified) return 'VERIFY';
  return reason === 'RESET' ? 'RESET' : 'ALREADY_SIGNED_UP';
}

/**
 * Starts an attempt to send a queued email: creates its token, stores the token's hash and returns the email. Each
 * attempt creates another token, because MIR cannot read the tokens of earlier attempts; using one ends them all.
 * Returns null if there is nothing to send, for example because the account was deleted.
 */
export function prepareMail(
  { store, secrets, config }: Pick<Runtime, 'store' | 'secrets' | 'config'>,
  id: string,
): Promise<Mail | null> {
  return store.transaction(async (session) => {
    const row = await store.queuedMails.startAttempt(id, new Date(), session);
    if (row === null) return null;
    // A concurrent deletion of the identity also deletes the row, and then this transaction aborts.
    const identity = await store.identities.get(row.identityId);
    if (identity === null || row.openAttempts > MAX_CRASHES + 1) {
      await store.queuedMails.drop(id, session);
      return null;
    }
    const kind = kindOf(row, identity);
    const lifetimeMs = TOKEN_MS[kind];
    const token =
      lifetimeMs === null ? null : await store.identityVerifications.create(identity._id, lifetimeMs, session);
    const next = row.next === undefined ? null : decryptSecret(secrets.mail, id, row.next);
    return renderMail({ kind, to: identity.email, token, next }, config.publicUrl);
  }, STORE_TIMEOUT_MS);
}
