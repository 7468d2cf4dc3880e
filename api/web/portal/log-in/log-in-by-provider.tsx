import { STAFF_OIDC_CALLBACK_PATH } from '../../../accounts/oidc';
import { noStaffCookie, staffCookie } from '../../../accounts/staff-cookie';
import { endOldestSessions, endSession } from '../../../staff/end-sessions';
import { countNamelessLogIn } from '../../../staff/throttles';
import { NotLoggedIn, providerOf } from '../../auth/log-in-by-provider';
import { page } from '../../http/page';

const FORBIDDEN = 403;
const LOG_IN = '/portal/login';
const PORTAL = '/portal';

/** Redirects the browser to the provider. The first login of an invited account links it to the provider. */
export const startPortalProviderLogIn = page({
  method: 'GET',
  path: '/portal/login/oidc',
  always: true,
  staff: 'optional',
  tokenInUrl: true,
  handle: async ({ ctx, staff, ip, crossSite }) => {
    providerOf(ctx);
    if (staff) return { redirect: PORTAL };
    if (crossSite) return { redirect: LOG_IN };
    await countNamelessLogIn(ctx, ip);
    const { url, cookies } = await ctx.staffAuth.startProviderLogIn(PORTAL, LOG_IN);
    return { leaveTo: url, cookies };
  },
});

/** Handles the provider's redirect back to us. */
export const completePortalProviderLogIn = page({
  method: 'GET',
  path: STAFF_OIDC_CALLBACK_PATH,
  always: true,
  staff: 'optional',
  tokenInUrl: true,
  handle: async ({ ctx, staff, query, cookie, ip, log, requestId }) => {
    const provider = providerOf(ctx);
    await countNamelessLogIn(ctx, ip);
    const { code, state, iss, error } = query;
    const result = await ctx.staffAuth.completeProviderLogIn({ code, state, iss, error }, cookie);
    if ('why' in result) {
      // The browser's Back button can repeat a callback that was already used.
      if (staff) return { redirect: PORTAL, cookies: result.cookies };
      const html = <NotLoggedIn why={result.why} provider={provider} next={null} logInPath={LOG_IN} />;
      return { status: FORBIDDEN, html, cookies: [...result.cookies, noStaffCookie(ctx)] };
    }
    if (staff) await endSession(ctx, staff.staffId, staff.sessionId);
    await endOldestSessions(ctx, result.started.session.staffId);
    log.info({ requestId, staffId: result.started.session.staffId }, 'staff logged in through the provider');
    return { redirect: PORTAL, cookies: [...result.cookies, staffCookie(ctx, result.started)] };
  },
});
