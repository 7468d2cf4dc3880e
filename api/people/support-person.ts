import { type Env, envOf, type IdentityId, partnerOf } from '../../shared/domain/ids';
import type { IdentityDoc } from '../../shared/store/identities';
import type { LinkedAccount } from '../../shared/store/memberships';
import type { StoreSession } from '../../shared/store/store';
import type { ApiContext } from '../context';
import { type AuditContext, auditEntry } from '../db/audit-context';
import { transaction } from '../db/transaction';
import { PublicError } from '../http/public-error';
import type { CacheState, LinkDeps } from '../links/link-transaction';
import { removeLink } from '../links/remove-links';
import { deletePerson } from './delete-person';
import { exportPerson } from './export-person';

type Deps = Pick<ApiContext, 'store'>;

/** An operator's access to a person's account, as the audit log records it. */
export interface SupportCase {
  auditContext: AuditContext;
  reason: string;
}

/** Target of the audit entry about an address without an account. The entry must not contain the address. */
const NO_ACCOUNT = 'none';

export interface PersonLink {
  linkId: string;
  partnerId: string;
  env: Env;
  linkedAt: string;
}

/** What an operator needs to know about a person's account. Contains no email address. */
export interface FoundPerson {
  exists: boolean;
  accountId: string | null;
  /** False if the person has not confirmed the address yet. */
  confirmed: boolean;
  createdAt: string | null;
  links: PersonLink[];
}

type Action = 'person.looked-up' | 'person.exported' | 'person.unlinked' | 'person.deleted';

/** Adds an entry to the registry's chain. It never contains a link together with the account that it belongs to. */
async function record(
  { store }: Deps,
  { auditContext, reason }: SupportCase,
  { action, target, after }: { action: Action; target: string; after?: unknown },
  session: StoreSession,
): Promise<void> {
  await store.audit.append(auditEntry(auditContext, { partnerId: null, action, target, reason, after }), session);
}

function presentLink({ linkId, tenant, linkedAt }: LinkedAccount): PersonLink {
  return { linkId, partnerId: partnerOf(tenant), env: envOf(tenant), linkedAt: linkedAt.toISOString() };
}

async function linksOf({ store }: Deps, identityId: string): Promise<PersonLink[]> {
  const docs = await store.memberships.ofIdentity(identityId as IdentityId);
  return docs.flatMap(({ members }) => members.map(presentLink));
}

async function requirePerson({ store }: Deps, accountId: string): Promise<IdentityDoc> {
  const identity = await store.identities.get(accountId);
  if (identity) return identity;
  throw new PublicError('NOT_FOUND', 'MIR account not found. Check the ID: `mir people find` shows it.');
}

/** Finds the account with an email address, if there is one. Audited, whether or not there is one. */
export async function findPerson(deps: Deps, email: string, support: SupportCase): Promise<FoundPerson> {
  const identity = await deps.store.identities.byEmail(email);
  const links = identity ? await linksOf(deps, identity._id) : [];
  const entry = {
    action: 'person.looked-up' as const,
    target: identity?._id ?? NO_ACCOUNT,
    after: { exists: identity !== null },
  };
  await transaction(deps, (session) => record(deps, support, entry, session));
  return {
    exists: identity !== null,
    accountId: identity?._id ?? null,
    confirmed: identity?.emailVerified ?? false,
    createdAt: identity?.createdAt.toISOString() ?? null,
    links,
  };
}

/** Returns the document that the person can download themselves. The export is audited before anything is read. */
export async function exportPersonFor(
  deps: Deps & Pick<ApiContext, 'presentSignals'>,
  accountId: string,
  support: SupportCase,
): Promise<AsyncGenerator<string>> {
  const { _id: target, email } = await requirePerson(deps, accountId);
  await transaction(deps, (session) => record(deps, support, { action: 'person.exported', target }, session));
  return exportPerson(deps, { identityId: target as IdentityId, email }, support.auditContext.at);
}

/** Removes one link of a person, as the person can themselves. Throws 404 if the account does not have this link. */
export async function unlinkPersonFor(
  deps: LinkDeps,
  { accountId, linkId }: { accountId: string; linkId: string },
  support: SupportCase,
): Promise<{ linkId: string; cacheState: CacheState }> {
  const { _id } = await requirePerson(deps, accountId);
  const also = (session: StoreSession): Promise<void> =>
    record(deps, support, { action: 'person.unlinked', target: linkId }, session);
  const cacheState = await removeLink(deps, _id as IdentityId, linkId, support.auditContext, also);
  if (cacheState !== null) return { linkId, cacheState };
  throw new PublicError('NOT_FOUND', 'This account has no such link. Check the link ID: `mir people find` shows it.');
}

/** What deleting a person's account would remove. */
export interface DeletionPreview {
  accountId: string;
  confirmed: boolean;
  links: PersonLink[];
}

export async function previewDeletion(deps: Deps, accountId: string): Promise<DeletionPreview> {
  const { _id, emailVerified } = await requirePerson(deps, accountId);
  return { accountId: _id, confirmed: emailVerified, links: await linksOf(deps, _id) };
}

/** Deletes a person's account and links, as the person can themselves. */
export async function deletePersonFor(
  deps: Parameters<typeof deletePerson>[0],
  accountId: string,
  support: SupportCase,
): Promise<{ accountId: string; cacheState: CacheState }> {
  const { _id: target, email } = await requirePerson(deps, accountId);
  const also = (session: StoreSession): Promise<void> =>
    record(deps, support, { action: 'person.deleted', target }, session);
  const person = { identityId: target as IdentityId, email };
  return { accountId: target, cacheState: await deletePerson(deps, person, support.auditContext.requestId, also) };
}
