import type { VNode } from 'preact';
import { Actions, Button, ErrorSummary, Field, Form, type FormError, titleWith } from '../design/form';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';
import { nextOrHome, nextPath, withNext } from '../http/next-path';
import { page } from '../http/page';
import { CheckMail } from './check-mail';
import { emailErrors, emailOf } from './form-fields';
import { ByProvider } from './log-in-by-provider';
import { sendAuthMail } from './send-auth-mail';
import { inConstantTime } from './in-constant-time';
import { countTry } from './throttles';

function SignUp({
  next,
  email = '',
  errors = [],
}: {
  next: string | null;
  email?: string;
  errors?: FormError[];
}): VNode {
  return (
    <Layout title={titleWith(errors, 'Sign up')}>
      <Heading>Sign up</Heading>
      <p>
        A MIR account shows you what is registered about your participation, and lets you decide which platforms see
        your whole history. Enter your e-mail address and we send you a link to choose a password.
      </p>
      <ErrorSummary errors={errors} />
      <Form action="/signup" hidden={{ next }}>
        <Field name="email" label="E-mail address" type="email" autocomplete="username" value={email} errors={errors} />
        <Actions>
          <Button>Sign up</Button>
        </Actions>
      </Form>
      <p>
        You have an account already? <a href={withNext('/login', next)}>Log in</a>
      </p>
      <ByProvider next={next} />
    </Layout>
  );
}

export const signUpPage = page({
  method: 'GET',
  path: '/signup',
  tokenInUrl: true,
  handle: ({ session, query }) =>
    session ? { redirect: nextOrHome(query['next']) } : { html: <SignUp next={nextPath(query['next'])} /> },
});

/** Answers a known address like a new one; only the mail differs. Asks for no password: its sender need not own the address. */
export const signUp = page({
  method: 'POST',
  path: '/signup',
  tokenInUrl: true,
  handle: async (call) => {
    const { ctx, form } = call;
    const next = nextPath(form['next']);
    const email = emailOf(form['email']);
    const errors = emailErrors(email);
    if (errors.length > 0) return { status: 422, html: <SignUp next={next} email={email} errors={errors} /> };
    await countTry(call, 'sign-up', email);
    await inConstantTime(ctx.auth.signUp(email).then((mail) => sendAuthMail(ctx, mail, next)));
    return { html: <CheckMail email={email} next={next} /> };
  },
});
