import { type Env, type PartnerId, tenantOf } from '../../../shared/domain/ids';
import { type MemberRole, ROLE_SCOPES } from '../../../shared/domain/roles';
import type { PresentedKey } from '../../../shared/authz/key-lookups';
import type { Scope } from '../../../shared/domain/scopes';
import { OPERATORS } from '../../../shared/store/members';
import type { PartnerDoc } from '../../../shared/store/partners';
import { callRoute, type RouteInput } from '../../http/call-route';
import { PublicError } from '../../http/public-error';
import { isRecent } from '../../http/require-caller';
import type { ParsedRoute } from '../../http/route';
import { type Fields, type Page, type PageResponse, type StaffCall, staffPage } from '../http/page';
import { confirmFirst } from '../staff/confirm-log-in';
import { memberKeyOf } from './member-key';

/** Whom a page acts for: a member of a partner, in one environment. */
export interface Member {
  partnerId: PartnerId;
  partnerName: string;
  memberId: string;
  plan: PartnerDoc['plan'];
  env: Env;
  role: MemberRole;
  scopes: readonly Scope[];
  /** The access token of the session. */
  key: PresentedKey;
  /** Path of the overview. Paths of the other pages begin with it. */
  base: string;
  /** Number of agents that await approval, up to 99. 0 for partners without agents, and on parts of pages. */
  pendingApprovals: number;
}

export type MemberCall = StaffCall & {
  member: Member;
  /** Calls a partner route as the member, and returns the body of its response. */
  call: <Body>(route: ParsedRoute, input?: RouteInput) => Promise<Body>;
};

/** A page about one environment of a partner. */
export interface MemberPage {
  method: Page['method'];
  /** Path below `/portal/:partnerId/:env`. */
  path: string;
  /** The scope that the member's role needs for the page. The routes that the page calls check theirs, too. */
  scope: Scope;
  /** The page is for a change that needs a recent log-in. Members who logged in earlier confirm the log-in first. */
  recentLogIn?: true;
  /** The page must work while the agents that it can stop use up the partner's requests budget. */
  urgent?: true;
  /** Returns a part of a page. Reads nothing for the navigation. */
  isPart?: true;
  handle: (call: MemberCall) => Promise<PageResponse> | PageResponse;
}

const NOT_FOUND = new PublicError('NOT_FOUND', 'Check the address, or open the portal’s home page.');

/** Maximum number that the navigation counts up to. */
const MAX_COUNTED_APPROVALS = 99;
/** An ID in the query of a page, as it may be repeated in the address of the log-in's confirmation. */
const ID = /^[\w-]{1,60}$/;

/** Returns the query to repeat after the confirmation of a log-in: the ID of what the page is about, if it names one. */
function queryToRepeat(query: Fields): string {
  const [named, ...more] = Object.entries(query);
  return named && more.length === 0 && ID.test(named[1] ?? '') ? `?${named[0]}=${named[1]}` : '';
}

async function memberOf({ ctx, staff, params }: StaffCall, isPart: boolean): Promise<Member> {
  const { partnerId, env } = params as { partnerId: PartnerId; env: string };
  if ((env !== 'live' && env !== 'test') || partnerId.startsWith(OPERATORS)) throw NOT_FOUND;
  const [found, partner] = await Promise.all([
    ctx.store.members.of(partnerId, staff.staffId),
    ctx.store.partners.get(partnerId),
  ]);
  if (!found || !partner) throw NOT_FOUND;
  const role = found.role as MemberRole;
  const countsApprovals = partner.plan === 'ENTERPRISE' && !isPart;
  const [key, pending] = await Promise.all([
    memberKeyOf(ctx, staff, { partnerId, env }),
    countsApprovals
      ? ctx.store.agents.countOf(tenantOf(partnerId, env), ['PENDING_APPROVAL'], MAX_COUNTED_APPROVALS)
      : { count: 0 },
  ]);
  return {
    partnerId,
    partnerName: partner.name,
    memberId: found._id,
    plan: partner.plan,
    env,
    role,
    scopes: ROLE_SCOPES[role],
    key,
    base: `/portal/${partnerId}/${env}`,
    pendingApprovals: pending.count,
  };
}

/**
 * Declares a page for members of a partner. An account that is not a member gets 404, so that it does not learn which
 * partners exist, and a member whose role lacks the scope gets 403. List it in `api/web/portal/pages.ts`.
 */
export function memberPage(definition: MemberPage): Page & { scope: Scope } {
  const { method, path, scope, recentLogIn, urgent, isPart, handle } = definition;
  const page = staffPage({
    method,
    path: `/portal/:partnerId/:env${path}`,
    handle: async (call) => {
      const member = await memberOf(call, isPart === true);
      if (!member.scopes.includes(scope)) {
        throw new PublicError(
          'SCOPE_MISSING',
          'Your role does not allow this. Ask an administrator of your organization.',
        );
      }
      if (recentLogIn && !isRecent(call.staff.confirmedAt.getTime())) {
        return confirmFirst({ method, path: member.base + path + queryToRepeat(call.query) }, call.form);
      }
      const { ctx, admit, requestId, log, ip } = call;
      return handle({
        ...call,
        member,
        call: async <Body>(route: ParsedRoute, input: RouteInput = {}): Promise<Body> =>
          (await callRoute({ ctx, admit, urgent }, route, member.key, input, { requestId, log, ip })) as Body,
      });
    },
  });
  return { ...page, scope };
}
