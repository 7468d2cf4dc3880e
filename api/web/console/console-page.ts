import type { OperatorRight } from '../../../shared/domain/roles';
import type { OperatorActor } from '../../../shared/store/audit';
import { callAdminRoute, type RouteInput } from '../../http/call-route';
import { isRecent } from '../../http/require-caller';
import type { ParsedRoute } from '../../http/route';
import { confirmFirst } from '../staff/confirm-log-in';
import { type Operator, type Page, type PageResponse, type StaffCall, staffPage } from '../http/page';

/** An operator at a page of the console. */
export interface ConsoleOperator extends Operator {
  /** Number of applications that wait for a decision, for the navigation. */
  pendingApplications: number;
}

/** Input to the handler of a page of the console. */
export type ConsoleCall = Omit<StaffCall, 'operator'> & {
  operator: ConsoleOperator;
  /** Whom the audit log names. */
  actor: OperatorActor;
  /** Calls a route of the admin API as the operator, and returns the body of its response. */
  call: <Body>(route: ParsedRoute, input?: RouteInput) => Promise<Body>;
};

/** A page for operators. */
interface ConsolePage {
  method: Page['method'];
  /** Path below `/console`. */
  path: string;
  /** The right that the operator's role needs for the page. The routes that the page calls do not check rights. */
  right: OperatorRight;
  /**
   * The page is for a change that needs a recent log-in. Operators who logged in earlier confirm it first.
   */
  recentLogIn?: true;
  handle: (call: ConsoleCall) => Promise<PageResponse> | PageResponse;
}

/**
 * Declares a page of the console. Browsers without a session are redirected to the login page, accounts that are not
 * operators get 404, and operators without the right get 403. List it in `api/web/console/pages.ts`.
 */
export function consolePage({ method, path, right, recentLogIn, handle }: ConsolePage): Page {
  const page = staffPage({
    method,
    path: `/console${path}`,
    handle: async (call) => {
      const { ctx, requestId, log, ip, params, staff } = call;
      const operator = call.operator!;
      if (recentLogIn && !isRecent(staff.confirmedAt.getTime())) {
        const target = path.replaceAll(/:(\w+)/g, (_all, name: string) => params[name] ?? '');
        return confirmFirst({ method, path: `/console${target}` }, call.form);
      }
      const { memberId, name } = operator;
      const actor: OperatorActor = { kind: 'OPERATOR', via: 'CONSOLE', name, memberId };
      return handle({
        ...call,
        operator: { ...operator, pendingApplications: await ctx.store.applications.countPending() },
        actor,
        call: async <Body>(route: ParsedRoute, input: RouteInput = {}): Promise<Body> =>
          (await callAdminRoute(ctx, route, actor, input, { requestId, log, ip })) as Body,
      });
    },
  });
  return { ...page, right };
}
