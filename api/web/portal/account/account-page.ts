import { OPERATORS } from '../../../../shared/store/members';
import { callStaffRoute, type RouteInput } from '../../../http/call-route';
import { isRecent } from '../../../http/require-caller';
import type { ParsedRoute } from '../../../http/route';
import { type Page, type PageResponse, type StaffCall, staffPage } from '../../http/page';
import { confirmFirst } from '../../staff/confirm-log-in';

/** The account that a page is about. */
export interface Account {
  name: string;
  email: string;
  hasSecondFactor: boolean;
  /** Shows the way to the console. */
  isOperator: boolean;
}

type AccountCall = StaffCall & {
  account: Account;
  /** Calls a route about the account, and returns the body of its response. */
  call: <Body>(route: ParsedRoute, input?: RouteInput) => Promise<Body>;
};

/** A page about the account of a member or operator. */
interface AccountPage {
  method: Page['method'];
  path: string;
  /** The page is for a change that needs a recent log-in. People who logged in earlier confirm their password first. */
  recentLogIn?: true;
  hasLongText?: boolean;
  handle: (call: AccountCall) => Promise<PageResponse> | PageResponse;
}

/** Declares a page about the account that is logged in. List it in `api/web/portal/account/pages.ts`. */
export function accountPage({ recentLogIn, handle, ...page }: AccountPage): Page {
  return staffPage({
    ...page,
    handle: async (call) => {
      const { ctx, staff, requestId, log, ip } = call;
      if (recentLogIn && !isRecent(staff.confirmedAt.getTime())) {
        return confirmFirst(page, call.form);
      }
      const { name, email, hasSecondFactor } = staff;
      const isOperator = (await ctx.store.members.of(OPERATORS, staff.staffId)) !== null;
      return handle({
        ...call,
        account: { name, email, hasSecondFactor, isOperator },
        call: async <Body>(route: ParsedRoute, input: RouteInput = {}): Promise<Body> =>
          (await callStaffRoute(ctx, route, staff, input, { requestId, log, ip })) as Body,
      });
    },
  });
}
