import type { VNode } from 'preact';
import { doneText } from '../design/done-text';
import { Panel } from '../design/app-parts';
import { Beside } from '../design/beside';
import { Field } from '../design/controls';
import { Actions, Button, ErrorSummary, Form, type FormError, titleWith } from '../design/form';
import { Layout } from '../design/layout';
import { Heading, Notice } from '../design/text';
import { nextOrHome, nextPath, withNext } from '../http/next-path';
import { page } from '../http/page';
import { ProviderSection } from './log-in-by-provider';
import { emailErrors, emailOf } from './form-fields';
import { clearAttempts, countAttempt, rememberBrowser } from './throttles';

/** Maps values of the `done` query parameter to notices, so that the page never displays text from its URL. */
const DONE: Record<string, string> = {
  confirmed: 'Your email address is confirmed. Log in with the password you chose.',
  password: 'Your new password is set, and you’re logged out everywhere. Log in with the new password.',
  out: 'You’re logged out.',
  deleted: 'Your MIR account has been deleted.',
  'deleted-pending':
    'Your MIR account has been deleted. Part of our system is unavailable, so platforms may still see your history for a while. You don’t need to do anything.',
};

interface LogInProps {
  next: string | null;
  done?: string | undefined;
  email?: string;
  errors?: FormError[];
  /** True if the password was right but the email address is not confirmed. */
  unverified?: boolean;
}

function LogIn({ next, done, email = '', errors = [], unverified = false }: LogInProps): VNode {
  return (
    <Layout title={titleWith(errors, 'Log in')} beside>
      <Heading>Log in</Heading>
      {next?.startsWith('/link') && <p>After you log in, you can continue connecting your account.</p>}
      <Beside
        summary={
          <Panel>
            <p>
              Don’t have an account? <a href={withNext('/signup', next)}>Sign up</a>
            </p>
            <ProviderSection next={next} />
          </Panel>
        }
      >
        {done && errors.length === 0 && (
          <Notice>
            <p>{done}</p>
          </Notice>
        )}
        <ErrorSummary errors={errors} />
        <Panel>
          <Form action="/login" hidden={{ next }}>
            <Field
              name="email"
              label="Email address"
              type="email"
              autocomplete="username"
              value={email}
              errors={errors}
            />
            <Field name="password" label="Password" type="password" autocomplete="current-password" errors={errors} />
            <Actions>
              <Button>Log in</Button>
            </Actions>
          </Form>
          {unverified ? (
            <p>
              Can’t find the email? <a href={withNext('/verify/resend', next)}>Get a new link</a>
            </p>
          ) : (
            <p>
              Forgot your password? <a href={withNext('/forgot', next)}>Choose a new one</a>
            </p>
          )}
        </Panel>
      </Beside>
    </Layout>
  );
}

export const logInPage = page({
  method: 'GET',
  path: '/login',
  tokenInUrl: true,
  handle: ({ session, query }) => {
    if (session) return { redirect: nextOrHome(query['next']) };
    const done = doneText(DONE, query['done']);
    return { html: <LogIn next={nextPath(query['next'])} done={done} /> };
  },
});

const WRONG: FormError = {
  field: '',
  message: 'No account has this email address and password. Check both, or choose a new password below.',
};
const UNVERIFIED: FormError = {
  field: '',
  message: 'Your email address is not confirmed yet. Get a new link below and use it to choose your password.',
};

/** Each login starts a new session. A wrong password and an unknown address get the same response. */
export const logIn = page({
  method: 'POST',
  path: '/login',
  tokenInUrl: true,
  handle: async (call) => {
    const { ctx, form, session, cookie } = call;
    const next = nextPath(form['next']);
    const email = emailOf(form['email']);
    const password = form['password'] ?? '';
    const missing = password === '' ? [{ field: 'password', message: 'Enter your password.' }] : [];
    const errors = [...emailErrors(email), ...missing];
    if (errors.length > 0) return { status: 422, html: <LogIn next={next} email={email} errors={errors} /> };
    await countAttempt(call, 'log-in', email);
    const result = await ctx.auth.logIn(email, password);
    if (result === 'WRONG') return { status: 422, html: <LogIn next={next} email={email} errors={[WRONG]} /> };
    await clearAttempts(call, 'log-in', email);
    if (result === 'UNVERIFIED') {
      return { status: 422, html: <LogIn next={next} email={email} errors={[UNVERIFIED]} unverified /> };
    }
    // Remember the browser only if the address is confirmed. In earlier versions, a stranger could sign up with someone
    // else's address and choose the password, so logging in did not prove who owns the address.
    await rememberBrowser(call, email);
    if (session) await ctx.auth.logOut(cookie);
    return { redirect: nextOrHome(form['next']), cookies: result.cookies };
  },
});

/** Deletes the session from the database and the cookie from the browser. */
export const logOut = page({
  method: 'POST',
  path: '/logout',
  // This form also appears on pages that do not send a referrer. From these pages, browsers post it with the origin
  // `null`.
  tokenInUrl: true,
  handle: async ({ ctx, cookie }) => ({ redirect: '/login?done=out', cookies: await ctx.auth.logOut(cookie) }),
});
