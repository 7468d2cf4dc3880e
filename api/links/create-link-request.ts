import { newId, partnerOf, type Tenant } from '../../shared/domain/ids';
import {
  CODE_SECONDS,
  codeHash,
  inviteTokenHash,
  type LinkRequestKind,
  newCode,
  newInviteToken,
  normalCode,
} from '../../shared/domain/link';
import { userRefOf } from '../../shared/domain/subject';
import { PublicError } from '../http/public-error';
import type { LinkRequestDoc } from '../../shared/store/link-requests';
import { type AuditContext, auditEntry } from '../db/audit-context';
import type { ApiContext } from '../context';
import { transaction } from '../db/transaction';

/** Invites of one user that can be used at the same time. */
export const MAX_OPEN_REQUESTS_PER_USER = 20;
/** So long a used or expired request can still say why it does not work. */
const PURGE_AFTER_MS = 30 * 24 * 3600 * 1000;

type Deps = Pick<ApiContext, 'store' | 'secrets' | 'config'>;
type Wish = Pick<LinkRequestDoc, 'accountLabel' | 'returnUrl' | 'state'> & { userExternalId: string };

/** Throws 503 where people have no pages to confirm anything on: an invite would lead nowhere. */
function requirePages({ config }: Deps): void {
  if (config.mail.kind !== 'off') return;
  throw new PublicError('LINKING_UNAVAILABLE', 'People cannot sign up here, because no mail server is set (SMTP_URL).');
}

async function insertRequest(
  deps: Deps,
  tenant: Tenant,
  kind: LinkRequestKind,
  tokenHash: string,
  { userExternalId, ...shown }: Wish,
  lifeMs: number,
  auditContext: AuditContext,
): Promise<LinkRequestDoc> {
  requirePages(deps);
  const { store, secrets } = deps;
  const userRef = userRefOf(secrets.subject, tenant, userExternalId);
  const expiresAt = new Date(auditContext.at.getTime() + lifeMs);
  const request: LinkRequestDoc = {
    _id: newId(kind === 'INVITE' ? 'inv' : 'cod'),
    kind,
    tenant,
    userRef,
    tokenHash,
    ...shown,
    status: 'OPEN',
    createdAt: auditContext.at,
    expiresAt,
    purgeAt: new Date(expiresAt.getTime() + PURGE_AFTER_MS),
  };
  const partnerId = partnerOf(tenant);
  const action = kind === 'INVITE' ? 'link.invited' : 'link.code-issued';
  const entry = auditEntry(auditContext, { partnerId, tenant, action, target: request._id });
  await transaction({ store }, async (session) => {
    if (kind === 'CODE') await store.linkRequests.dropCodes(tenant, userRef, session);
    const open = await store.linkRequests.countOpen(tenant, userRef, auditContext.at, session);
    if (open >= MAX_OPEN_REQUESTS_PER_USER) {
      const text = `This user has ${open} invites that can still be used; wait until they expire.`;
      throw new PublicError('TOO_MANY_LINK_REQUESTS', text);
    }
    await store.linkRequests.insert(request, session);
    await store.audit.append(entry, session);
  });
  return request;
}

/** Throws 422 unless the URL is of an origin that the partner has registered. */
async function checkReturnUrl({ store }: Deps, tenant: Tenant, returnUrl: string | undefined): Promise<void> {
  if (returnUrl === undefined) return;
  const partner = await store.partners.get(partnerOf(tenant));
  if (partner && isAllowedReturn(returnUrl, partner.allowedReturnOrigins)) return;
  const registered = partner?.allowedReturnOrigins.join(', ') || 'none yet: ask the operator';
  throw new PublicError('RETURN_URL_NOT_ALLOWED', `Registered origins: ${registered}.`, {
    errors: [{ path: 'returnUrl', code: 'RETURN_URL_NOT_ALLOWED', message: 'must be of a registered origin' }],
  });
}

/** True for a URL, without credentials in it, whose origin is registered. */
export function isAllowedReturn(returnUrl: string, origins: readonly string[]): boolean {
  if (!URL.canParse(returnUrl)) return false;
  const { origin, username, password } = new URL(returnUrl);
  return username === '' && password === '' && origins.includes(origin);
}

/** Makes an invite; its token is told this once. Throws 422 for a foreign return URL, 409 when too many are open. */
export async function createInvite(
  deps: Deps,
  tenant: Tenant,
  wish: Wish,
  lifeSeconds: number,
  auditContext: AuditContext,
): Promise<{ request: LinkRequestDoc; token: string }> {
  await checkReturnUrl(deps, tenant, wish.returnUrl);
  const token = newInviteToken();
  const request = await insertRequest(
    deps,
    tenant,
    'INVITE',
    inviteTokenHash(token),
    wish,
    lifeSeconds * 1000,
    auditContext,
  );
  return { request, token };
}

/** Makes a code, which replaces the user's last one; it is told this once. */
export async function createCode(
  deps: Deps,
  tenant: Tenant,
  wish: Wish,
  auditContext: AuditContext,
): Promise<{ request: LinkRequestDoc; code: string }> {
  const code = newCode();
  const tokenHash = codeHash(deps.secrets.linkCode, normalCode(code)!);
  return {
    request: await insertRequest(deps, tenant, 'CODE', tokenHash, wish, CODE_SECONDS * 1000, auditContext),
    code,
  };
}
