import type { VNode } from 'preact';
import { Panel } from '../design/app-parts';
import { Beside } from '../design/beside';
import { Field } from '../design/controls';
import { Actions, Button, ErrorSummary, Form, type FormError, titleWith } from '../design/form';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';
import { nextOrHome, nextPath, withNext } from '../http/next-path';
import { page } from '../http/page';
import { CheckEmail } from './check-email';
import { emailErrors, emailOf } from './form-fields';
import { ProviderSection } from './log-in-by-provider';
import { queueAuthMail } from './queue-auth-mail';
import { countAttempt } from './throttles';
import { withMinimumDuration } from '../../http/with-minimum-duration';

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
    <Layout title={titleWith(errors, 'Sign up')} beside>
      <Heading>Sign up</Heading>
      <p>
        With a MIR account, you can see the history of the accounts you connect and decide which platforms see your
        totals. Enter your email address, and we’ll send you a link to choose a password.
      </p>
      <Beside
        summary={
          <Panel>
            <p>
              Already have an account? <a href={withNext('/login', next)}>Log in</a>
            </p>
            <ProviderSection next={next} />
          </Panel>
        }
      >
        <ErrorSummary errors={errors} />
        <Panel>
          <Form action="/signup" hidden={{ next }}>
            <Field
              name="email"
              label="Email address"
              type="email"
              autocomplete="username"
              value={email}
              errors={errors}
            />
            <Actions>
              <Button>Sign up</Button>
            </Actions>
          </Form>
        </Panel>
      </Beside>
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

/**
 * Responds to known and new addresses the same way; only the email differs. Does not ask for a password, because the
 * address may not belong to the person who signs up.
 */
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
    await countAttempt(call, 'sign-up', email);
    await withMinimumDuration(queueAuthMail(ctx, () => ctx.auth.signUp(email), next));
    return { html: <CheckEmail email={email} next={next} /> };
  },
});
