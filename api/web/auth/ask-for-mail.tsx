import type { ComponentChildren, VNode } from 'preact';
import type { AccountAuth } from '../../accounts/auth';
import { Actions, Button, ErrorSummary, Field, Form, type FormError, titleWith } from '../design/form';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';
import { nextPath } from '../http/next-path';
import { type Page, page } from '../http/page';
import { emailErrors, emailOf } from './form-fields';
import { sendAuthMail } from './send-auth-mail';
import { inConstantTime } from './in-constant-time';
import { countTry, type Tried } from './throttles';

/** A page on which somebody types an address that a mail then goes to, if it should. */
interface MailPage {
  path: string;
  tried: Tried;
  title: string;
  intro: string;
  button: string;
  below?: (next: string | null) => ComponentChildren;
  /** Makes the mail; its outcome is told to nobody. */
  ask: (auth: AccountAuth, email: string) => ReturnType<AccountAuth['askReset']>;
  /** Said to every address alike. */
  sent: (email: string, next: string | null) => VNode;
}

function AskForMail({
  of: { path, title, intro, button, below },
  next,
  email,
  errors = [],
}: {
  of: MailPage;
  next: string | null;
  email: string;
  errors?: FormError[];
}): VNode {
  return (
    <Layout title={titleWith(errors, title)}>
      <Heading>{title}</Heading>
      <p>{intro}</p>
      <ErrorSummary errors={errors} />
      <Form action={path} hidden={{ next }}>
        <Field name="email" label="E-mail address" type="email" autocomplete="username" value={email} errors={errors} />
        <Actions>
          <Button>{button}</Button>
        </Actions>
      </Form>
      {below?.(next)}
    </Layout>
  );
}

/** The page with its form, and what its form does: it answers every address alike. */
export function askForMail(of: MailPage): [Page, Page] {
  return [
    page({
      method: 'GET',
      path: of.path,
      tokenInUrl: true,
      handle: ({ query, session }) => ({
        html: <AskForMail of={of} next={nextPath(query['next'])} email={session?.email ?? ''} />,
      }),
    }),
    page({
      method: 'POST',
      path: of.path,
      tokenInUrl: true,
      handle: async (call) => {
        const { ctx, form } = call;
        const next = nextPath(form['next']);
        const email = emailOf(form['email']);
        const errors = emailErrors(email);
        if (errors.length > 0) {
          return { status: 422, html: <AskForMail of={of} next={next} email={email} errors={errors} /> };
        }
        await countTry(call, of.tried, email);
        await inConstantTime(of.ask(ctx.auth, email).then((mail) => sendAuthMail(ctx, mail, next)));
        return { html: of.sent(email, next) };
      },
    }),
  ];
}
