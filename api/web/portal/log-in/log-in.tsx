import type { VNode } from 'preact';
import { MirError } from '../../../../shared/errors';
import { noStaffCookie, staffCookie } from '../../../accounts/staff-cookie';
import { endSession } from '../../../staff/end-sessions';
import { logInStaff } from '../../../staff/log-in';
import { emailErrors, emailOf } from '../../auth/form-fields';
import { ProviderSection } from '../../auth/log-in-by-provider';
import { Field } from '../../design/controls';
import { doneText } from '../../design/done-text';
import { Actions, Button, ButtonLink, ErrorSummary, Form, type FormError, titleWith } from '../../design/form';
import { Layout } from '../../design/layout';
import { PasskeyScript } from '../../design/passkey-form';
import { Heading, Notice } from '../../design/text';
import { page } from '../../http/page';

const PORTAL = '/portal';

/** Maps values of the `done` query parameter to notices, so that the page never displays text from its URL. */
const DONE: Record<string, string> = {
  joined: 'You’re a member now. Log in to continue.',
  password: 'Your new password is set, and you’re logged out everywhere. Log in with the new password.',
  out: 'You’re logged out.',
  factor: 'Your second factor is on, and you’re logged out everywhere. Log in with your password and a code.',
  'no-factor': 'Your second factor is removed, and you’re logged out everywhere. Log in with your password.',
};

/** What to tell the person about a failed login. */
const FAILURES: Record<string, FormError> = {
  LOG_IN_FAILED: {
    field: '',
    message: 'No account has this email address and password, or the code is wrong. Check them and try again.',
  },
  SECOND_FACTOR_REQUIRED: {
    field: 'code',
    message: 'Enter your password again, and a code from your authenticator app or a backup code.',
  },
};

function LogIn({
  done,
  email = '',
  errors = [],
}: {
  done?: string | undefined;
  email?: string;
  errors?: FormError[];
}): VNode {
  return (
    <Layout title={titleWith(errors, 'Log in to the portal')}>
      <Heading>Log in to the portal</Heading>
      {done && errors.length === 0 && (
        <Notice>
          <p>{done}</p>
        </Notice>
      )}
      <p>For members of organizations that use MIR, and for the people who operate this server.</p>
      <ErrorSummary errors={errors} />
      <Form action="/portal/login">
        <Field name="email" label="Email address" type="email" autocomplete="username" value={email} errors={errors} />
        <Field name="password" label="Password" type="password" autocomplete="current-password" errors={errors} />
        <Field
          name="code"
          label="Code"
          hint="Only if you have set up a second factor."
          autocomplete="one-time-code"
          optional
          maxLength={20}
          errors={errors}
        />
        <Actions>
          <Button>Log in</Button>
          <span data-with-passkeys hidden>
            <ButtonLink href="/portal/login/passkey" plain>
              Log in with a passkey
            </ButtonLink>
          </span>
        </Actions>
      </Form>
      <p>
        Forgot your password? <a href="/portal/forgot">Choose a new one</a>
      </p>
      <ProviderSection next={null} path="/portal/login/oidc" />
      <p class="quiet">
        You need an invitation to get an account. Looking for your own history? <a href="/login">Log in here</a>{' '}
        instead.
      </p>
      <PasskeyScript />
    </Layout>
  );
}

export const portalLogInPage = page({
  method: 'GET',
  path: '/portal/login',
  always: true,
  staff: 'optional',
  scripts: true,
  handle: ({ staff, query }) => {
    if (staff) return { redirect: PORTAL };
    const done = doneText(DONE, query['done']);
    return { html: <LogIn done={done} /> };
  },
});

export const portalLogIn = page({
  method: 'POST',
  path: '/portal/login',
  always: true,
  staff: 'optional',
  scripts: true,
  handle: async ({ ctx, form, ip, staff, userAgent, log, requestId }) => {
    const email = emailOf(form['email']);
    const password = form['password'] ?? '';
    const code = form['code']?.trim() || undefined;
    const missing = password === '' ? [{ field: 'password', message: 'Enter your password.' }] : [];
    const errors = [...emailErrors(email), ...missing];
    if (errors.length > 0) return { status: 422, html: <LogIn email={email} errors={errors} /> };
    try {
      const started = await logInStaff(ctx, { email, password, code }, { ip, userAgent });
      if (staff) await endSession(ctx, staff.staffId, staff.sessionId);
      log.info({ requestId, staffId: started.session.staffId }, 'staff logged in');
      return { redirect: PORTAL, cookies: [staffCookie(ctx, started)] };
    } catch (error) {
      const failure = error instanceof MirError ? FAILURES[error.code] : undefined;
      if (!failure) throw error;
      return { status: 422, html: <LogIn email={email} errors={[failure]} /> };
    }
  },
});

/** Ends the session and its access tokens, and removes the cookie from the browser. */
export const portalLogOut = page({
  method: 'POST',
  path: '/portal/logout',
  always: true,
  staff: 'optional',
  // This form also appears on pages that do not send a referrer.
  tokenInUrl: true,
  handle: async ({ ctx, staff }) => {
    if (staff) await endSession(ctx, staff.staffId, staff.sessionId);
    return { redirect: '/portal/login?done=out', cookies: [noStaffCookie(ctx)] };
  },
});
