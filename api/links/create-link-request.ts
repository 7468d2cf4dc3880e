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
import { PublicError } from '../http/public-error';
import type { LinkRequestDoc } from '../../shared/store/link-requests';
import { type AuditContext, auditEntry } from '../db/audit-context';
import type { ApiContext } from '../context';
import { transaction } from '../db/transaction';

export const MAX_OPEN_REQUESTS_PER_USER = 20;
/** How long a used or expired request is kept, so that its page can explain why the request no longer works. */
const PURGE_AFTER_MS = 30 * 24 * 3600 * 1000;

type Deps = Pick<ApiContext, 'store' | 'secrets' | 'config'>;
type LinkRequestInput = Pick<LinkRequestDoc, 'accountLabel' | 'returnUrl' | 'state'> & { userExternalId: string };

/**
 * Throws 503 if no mail server is configured, because people could not sign up and an invitation would lead nowhere.
 */
function requirePages({ config }: Deps): void {
  if (config.mail.kind !== 'off') return;
  throw new PublicError(
    'LINKING_UNAVAILABLE',
    'Linking is unavailable because no mail server is configured. Ask the operator to set SMTP_URL.',
  );
}

async function insertRequest(
  deps: Deps,
  tenant: Tenant,
  kind: LinkRequestKind,
  tokenHash: string,
  { userExternalId, ...shown }: LinkRequestInput,
  lifeMs: number,
  auditContext: AuditContext,
): Promise<LinkRequestDoc> {
  requirePages(deps);
  const { store, secrets } = deps;
  const userRef = secrets.userRef(tenant, userExternalId);
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
      const text = `This user already has ${open} open invitations. Use one of them, or wait until one expires.`;
      throw new PublicError('TOO_MANY_LINK_REQUESTS', text);
    }
    await store.linkRequests.insert(request, session);
    await store.audit.append(entry, session);
  });
  return request;
}

/** Throws 422 unless the URL's origin is registered for the partner. */
async function checkReturnUrl({ store }: Deps, tenant: Tenant, returnUrl: string | undefined): Promise<void> {
  if (returnUrl === undefined) return;
  const partner = await store.partners.get(partnerOf(tenant));
  if (partner && isAllowedReturn(returnUrl, partner.allowedReturnOrigins)) return;
  const registered = partner?.allowedReturnOrigins.join(', ') || 'none. Ask the operator to register one';
  throw new PublicError(
    'RETURN_URL_NOT_ALLOWED',
    `The return URL must have a registered origin. Registered origins: ${registered}.`,
    {
      errors: [{ path: 'returnUrl', code: 'RETURN_URL_NOT_ALLOWED', message: 'Must have a registered origin.' }],
    },
  );
}

/** Returns true for a URL without credentials whose origin is registered. */
export function isAllowedReturn(returnUrl: string, origins: readonly string[]): boolean {
  if (!URL.canParse(returnUrl)) return false;
  const { origin, username, password } = new URL(returnUrl);
  return username === '' && password === '' && origins.includes(origin);
}

/**
 * Creates an invitation. Only this call returns the token. Throws 422 if the return URL is not allowed, and 409 if the
 * user has too many open invitations.
 */
export async function createInvite(
  deps: Deps,
  tenant: Tenant,
  input: LinkRequestInput,
  lifeSeconds: number,
  auditContext: AuditContext,
): Promise<{ request: LinkRequestDoc; token: string }> {
  await checkReturnUrl(deps, tenant, input.returnUrl);
  const token = newInviteToken();
  const request = await insertRequest(
    deps,
    tenant,
    'INVITE',
    inviteTokenHash(token),
    input,
    lifeSeconds * 1000,
    auditContext,
  );
  return { request, token };
}

/** Creates a code that replaces the user's previous code. Only this call returns the new code. */
export async function createCode(
  deps: Deps,
  tenant: Tenant,
  input: LinkRequestInput,
  auditContext: AuditContext,
): Promise<{ request: LinkRequestDoc; code: string }> {
  const code = newCode();
  const tokenHash = codeHash(deps.secrets.linkCode, normalCode(code)!);
  return {
    request: await insertRequest(deps, tenant, 'CODE', tokenHash, input, CODE_SECONDS * 1000, auditContext),
    code,
  };
}
