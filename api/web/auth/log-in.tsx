import type { VNode } from 'preact';
import { Actions, Button, ErrorSummary, Field, Form, type FormError, titleWith } from '../design/form';
import { Layout } from '../design/layout';
import { Heading, Notice } from '../design/text';
import { nextOrHome, nextPath, withNext } from '../http/next-path';
import { page } from '../http/page';
import { ByProvider } from './log-in-by-provider';
import { emailErrors, emailOf } from './form-fields';
import { countTry, forgiveTries, rememberBrowser } from './throttles';

/** What was done just before, by the `done` of the address. Nothing else of the address is ever shown. */
const DONE: Record<string, string> = {
  confirmed: 'Your address is confirmed. Log in with the password you chose.',
  password: 'Your new password is set, and all sessions have ended. Log in with it.',
  out: 'You are logged out.',
  deleted: 'Your identity is deleted.',
  'deleted-pending':
    'Your identity is deleted. Part of our system cannot be reached, so platforms may still see your history for a moment; it will end by itself.',
};

interface LogInProps {
  next: string | null;
  done?: string | undefined;
  email?: string;
  errors?: FormError[];
  /** The password was right, but the address is not confirmed. */
  unverified?: boolean;
}

function LogIn({ next, done, email = '', errors = [], unverified = false }: LogInProps): VNode {
  return (
    <Layout title={titleWith(errors, 'Log in')}>
      <Heading>Log in</Heading>
      {done && errors.length === 0 && (
        <Notice>
          <p>{done}</p>
        </Notice>
      )}
      {next?.startsWith('/link') && <p>Then you go on to what you came for.</p>}
      <ErrorSummary errors={errors} />
      <Form action="/login" hidden={{ next }}>
        <Field name="email" label="E-mail address" type="email" autocomplete="username" value={email} errors={errors} />
        <Field name="password" label="Password" type="password" autocomplete="current-password" errors={errors} />
        <Actions>
          <Button>Log in</Button>
        </Actions>
      </Form>
      {unverified ? (
        <p>
          You need a new link? <a href={withNext('/verify/resend', next)}>Get a new link</a>
        </p>
      ) : (
        <p>
          You forgot your password? <a href={withNext('/forgot', next)}>Choose a new one</a>
        </p>
      )}
      <p>
        You have no account yet? <a href={withNext('/signup', next)}>Sign up</a>
      </p>
      <ByProvider next={next} />
    </Layout>
  );
}

export const logInPage = page({
  method: 'GET',
  path: '/login',
  tokenInUrl: true,
  handle: ({ session, query }) => {
    if (session) return { redirect: nextOrHome(query['next']) };
    const done = Object.hasOwn(DONE, query['done'] ?? '') ? DONE[query['done']!] : undefined;
    return { html: <LogIn next={nextPath(query['next'])} done={done} /> };
  },
});

const WRONG: FormError = {
  field: '',
  message: 'No account has this e-mail address and password. Look at both, or choose a new password below.',
};
const UNVERIFIED: FormError = {
  field: '',
  message: 'Your address is not confirmed yet. Get a new link below, and choose your password on the page it opens.',
};

/** A session of its own for each log-in; a wrong password and an unknown address are answered alike. */
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
    await countTry(call, 'log-in', email);
    const answer = await ctx.auth.logIn(email, password);
    if (answer === 'WRONG') return { status: 422, html: <LogIn next={next} email={email} errors={[WRONG]} /> };
    await forgiveTries(call, 'log-in', email);
    if (answer === 'UNVERIFIED') {
      return { status: 422, html: <LogIn next={next} email={email} errors={[UNVERIFIED]} unverified /> };
    }
    // Only of a confirmed address: who signs up somebody else's knows its password too.
    await rememberBrowser(call, email);
    if (session) await ctx.auth.logOut(cookie);
    return { redirect: nextOrHome(form['next']), cookies: answer.cookies };
  },
});

/** Ends the session in the store. */
export const logOut = page({
  method: 'POST',
  path: '/logout',
  // Its form is on pages that hide their address, and is then sent without an origin.
  tokenInUrl: true,
  handle: async ({ ctx, cookie }) => ({ redirect: '/login?done=out', cookies: await ctx.auth.logOut(cookie) }),
});
