import type { VNode } from 'preact';
import { Actions, Button, ButtonLink, ErrorSummary, Field, Form, type FormError, titleWith } from '../design/form';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';
import { nextPath, withNext } from '../next-path';
import { page } from '../page';
import { PASSWORD_HINT, passwordErrors } from './fields';
import { countTry } from './throttles';

const GONE = 410;

function Reset({ token, next, errors = [] }: { token: string; next: string | null; errors?: FormError[] }): VNode {
  return (
    <Layout title={titleWith(errors, 'Choose a new password')}>
      <Heading>Choose a new password</Heading>
      <p>All sessions of your account end, on every device. Then you log in with the new password.</p>
      <ErrorSummary errors={errors} />
      <Form action="/reset" hidden={{ token, next }}>
        <Field
          name="password"
          label="New password"
          type="password"
          autocomplete="new-password"
          hint={PASSWORD_HINT}
          errors={errors}
        />
        <Actions>
          <Button>Set the new password</Button>
        </Actions>
      </Form>
    </Layout>
  );
}

function NoLonger({ next }: { next: string | null }): VNode {
  return (
    <Layout title="This link no longer works">
      <Heading>This link no longer works</Heading>
      <p>It was used already, it is too old, or it was cut off. Your password is unchanged by it.</p>
      <Actions>
        <ButtonLink href={withNext('/forgot', next)}>Get a new link</ButtonLink>
      </Actions>
    </Layout>
  );
}

export const resetPage = page({
  method: 'GET',
  path: '/reset',
  handle: ({ query }) => {
    const next = nextPath(query['next']);
    const token = query['token'];
    return token ? { html: <Reset token={token} next={next} /> } : { status: GONE, html: <NoLonger next={next} /> };
  },
});

/** Sets the password and ends all sessions. */
export const reset = page({
  method: 'POST',
  path: '/reset',
  handle: async (call) => {
    const { ctx, form } = call;
    const next = nextPath(form['next']);
    const token = form['token'] ?? '';
    const password = form['password'] ?? '';
    const errors = passwordErrors(password);
    if (errors.length > 0) return { status: 422, html: <Reset token={token} next={next} errors={errors} /> };
    await countTry(call, 'reset', null);
    if ((await ctx.auth.reset(token, password)) === 'INVALID') return { status: GONE, html: <NoLonger next={next} /> };
    return { redirect: withNext('/login?done=password', next) };
  },
});
