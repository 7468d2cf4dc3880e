import type { VNode } from 'preact';
import { Actions, Button, ErrorSummary, Field, Form, type FormError, titleWith } from '../design/form';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';
import { nextPath } from '../next-path';
import { page } from '../page';
import { CheckMail } from './check-mail';
import { emailErrors, emailOf } from './fields';
import { sendAuthMail } from './mails';
import { sameTime } from './same-time';
import { countTry } from './throttles';

function Resend({
  next,
  email = '',
  errors = [],
}: {
  next: string | null;
  email?: string;
  errors?: FormError[];
}): VNode {
  return (
    <Layout title={titleWith(errors, 'Send the mail again')}>
      <Heading>Send the mail again</Heading>
      <p>We send a new link to an address that signed up and waits to be confirmed.</p>
      <ErrorSummary errors={errors} />
      <Form action="/verify/resend" hidden={{ next }}>
        <Field name="email" label="E-mail address" type="email" autocomplete="username" value={email} errors={errors} />
        <Actions>
          <Button>Send the mail</Button>
        </Actions>
      </Form>
    </Layout>
  );
}

export const resendPage = page({
  method: 'GET',
  path: '/verify/resend',
  handle: ({ query }) => ({ html: <Resend next={nextPath(query['next'])} /> }),
});

/** Answers every address alike. */
export const resend = page({
  method: 'POST',
  path: '/verify/resend',
  handle: async (call) => {
    const { ctx, form } = call;
    const next = nextPath(form['next']);
    const email = emailOf(form['email']);
    const errors = emailErrors(email);
    if (errors.length > 0) return { status: 422, html: <Resend next={next} email={email} errors={errors} /> };
    await countTry(call, 'resend', email);
    await sameTime(ctx.auth.askVerification(email).then((mail) => sendAuthMail(ctx, mail, next)));
    return { html: <CheckMail email={email} next={next} again /> };
  },
});
