import { WRITING_SCOPES, type RouteDoc } from '../../../api/http/route';
import { PRESET_SCOPES, type Preset } from '../../../shared/domain/agent';
import { scopeFor } from '../../../api/http/require-caller';
import { type MemberRole, ROLE_SCOPES } from '../../../shared/domain/roles';
import { KEY_SCOPES, type Scope } from '../../../shared/domain/scopes';
import type { ProblemCode } from '../../../shared/errors';
import type { Owner } from './resources';

/** A response that rejects a credential. */
export interface Denial {
  status: number;
  code: ProblemCode;
}

/** What a request presents to authenticate, and what the contract says about it. */
export interface Credential {
  name: string;
  headers: Record<string, string>;
  /** The response of every route that requires a key, or null if the key is valid. */
  rejection: Denial | null;
  /** Whose IDs the matrix treats as the credential's own. */
  owner: Owner;
  /** The preset of an agent's key. */
  preset?: Preset;
  /** The scopes of a partner key. Absent if it has all of them. */
  scopes?: readonly Scope[];
  plan?: 'STANDARD';
  /** The role of a member's access token. */
  role?: MemberRole;
  /** The session of a staff account. */
  isStaff?: true;
  /** A member who logged in too long ago for lasting changes. */
  loggedInLongAgo?: true;
  isAdmin?: true;
}

/** Returns the response with which the declarations in the route table reject a credential, or null if they accept it. */
export function denialOf({ auth }: Pick<RouteDoc, 'auth'>, credential: Credential): Denial | null {
  if (auth.kind === 'public') return null;
  if (auth.kind === 'admin') return credential.isAdmin ? null : { status: 401, code: 'ADMIN_TOKEN_INVALID' };
  const recentLogIn: Denial | null =
    'recentLogIn' in auth && credential.loggedInLongAgo ? { status: 403, code: 'RECENT_LOG_IN_REQUIRED' } : null;
  if (auth.kind === 'staff') return credential.isStaff ? recentLogIn : { status: 401, code: 'SESSION_INVALID' };
  const { rejection, preset, plan, scopes, role } = credential;
  // The script checks the scope before the API checks the address.
  if (rejection && rejection.code !== 'IP_NOT_ALLOWED') return rejection;
  if (preset && !(PRESET_SCOPES[preset] as readonly Scope[]).includes(auth.scope))
    return { status: 403, code: 'SCOPE_MISSING' };
  const held = role ? ROLE_SCOPES[role] : (scopes ?? (preset ? null : KEY_SCOPES));
  if (held && !held.includes(scopeFor({ agent: false, member: role !== undefined }, auth)))
    return { status: 403, code: 'SCOPE_MISSING' };
  if (rejection) return rejection;
  const needsPlan = 'enterpriseOnly' in auth || (preset !== undefined && WRITING_SCOPES.has(auth.scope));
  if (needsPlan && plan === 'STANDARD') return { status: 403, code: 'ENTERPRISE_REQUIRED' };
  if (preset && 'partnerOnly' in auth) return { status: 403, code: 'HUMAN_REQUIRED' };
  return recentLogIn;
}
