import { decryptSecret } from '../../shared/domain/encrypted-secret';
import { RESET_LINK_MINUTES, VERIFY_LINK_HOURS } from '../../shared/domain/mailed-link';
import type { Mail } from '../../shared/queue/mail-queue';
import type { Runtime } from '../../shared/runtime';
import { STORE_TIMEOUT_MS } from '../../shared/store/connect';
import type { NoticeMail, PersonMail } from '../../shared/store/queued-mails';
import type { StoreSession } from '../../shared/store/store';
import { type MailContent, renderMail } from './render-mail';

/** An email is dropped after two worker crashes, so that the recipient does not get a copy after each crash. */
const MAX_CRASHES = 1;
const MINUTE_MS = 60_000;

type Deps = Pick<Runtime, 'store' | 'secrets' | 'config'>;

/** Returns the content of an email to a person, or null if the account was deleted. */
async function toPerson(
  { store }: Deps,
  { identityId, reason }: PersonMail,
  session: StoreSession,
): Promise<MailContent | null> {
  // A concurrent deletion of the identity also deletes the row, and then the transaction aborts.
  const identity = await store.identities.get(identityId);
  if (identity === null) return null;
  const { email: to, emailVerified } = identity;
  const createToken = (lifetimeMs: number): Promise<string> =>
    store.identityVerifications.create(identityId, lifetimeMs, session);
  if (!emailVerified) return { kind: 'VERIFY', to, token: await createToken(VERIFY_LINK_HOURS * 60 * MINUTE_MS) };
  if (reason !== 'RESET') return { kind: 'ALREADY_SIGNED_UP', to };
  return { kind: 'RESET', to, token: await createToken(RESET_LINK_MINUTES * MINUTE_MS) };
}

/** Returns the content of an email to a partner, or null if the partner does not exist. */
async function toPartner({ store }: Deps, { recipientId, reason, facts }: NoticeMail): Promise<MailContent | null> {
  const partner = await store.partners.get(recipientId);
  return partner && { kind: reason, to: partner.contactEmail, facts: { ...facts, partner: partner.name } };
}

/**
 * Starts an attempt to send a queued email: creates its token, stores the token's hash and returns the email. Each
 * attempt creates another token, because MIR cannot read the tokens of earlier attempts; using one ends them all.
 * Returns null if there is nothing to send, for example because the account was deleted.
 */
export function prepareMail(deps: Deps, id: string): Promise<Mail | null> {
  const { store, secrets, config } = deps;
  return store.transaction(async (session) => {
    const row = await store.queuedMails.startAttempt(id, new Date(), session);
    if (row === null) return null;
    const content =
      row.openAttempts > MAX_CRASHES + 1
        ? null
        : await ('identityId' in row ? toPerson(deps, row, session) : toPartner(deps, row));
    if (content === null) {
      await store.queuedMails.drop(id, session);
      return null;
    }
    const next = row.next === undefined ? null : decryptSecret(secrets.mail, id, row.next);
    return renderMail(content, { next, publicUrl: config.publicUrl });
  }, STORE_TIMEOUT_MS);
}
