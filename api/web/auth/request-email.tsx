import type { ComponentChildren, VNode } from 'preact';
import type { AccountAuth } from '../../accounts/auth';
import { Panel } from '../design/app-parts';
import { Field } from '../design/controls';
import { Actions, Button, ErrorSummary, Form, type FormError, titleWith } from '../design/form';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';
import { nextPath } from '../http/next-path';
import { type Page, page } from '../http/page';
import { emailErrors, emailOf } from './form-fields';
import { queueAuthMail } from './queue-auth-mail';
import { withMinimumDuration } from '../../http/with-minimum-duration';
import { countAttempt, type ThrottledAction } from './throttles';

/** A page that sends an email to the address entered in its form. */
interface EmailRequestPage {
  path: string;
  action: ThrottledAction;
  title: string;
  intro: string;
  button: string;
  below?: (next: string | null) => ComponentChildren;
  /**
   * Creates the email, or returns null if no email is needed. The response must not reveal whether an email was
   * created.
   */
  createEmail: (auth: AccountAuth, email: string) => ReturnType<AccountAuth['askReset']>;
  /** The page shown afterward, whether or not the address is known. */
  confirmation: (email: string, next: string | null) => VNode;
}

function EmailForm({
  definition: { path, title, intro, button, below },
  next,
  email,
  errors = [],
}: {
  definition: EmailRequestPage;
  next: string | null;
  email: string;
  errors?: FormError[];
}): VNode {
  return (
    <Layout title={titleWith(errors, title)}>
      <Heading>{title}</Heading>
      <p>{intro}</p>
      <ErrorSummary errors={errors} />
      <Panel>
        <Form action={path} hidden={{ next }}>
          <Field
            name="email"
            label="Email address"
            type="email"
            autocomplete="username"
            value={email}
            errors={errors}
          />
          <Actions>
            <Button>{button}</Button>
          </Actions>
        </Form>
        {below?.(next)}
      </Panel>
    </Layout>
  );
}

/** Returns the page and its form handler, which responds the same way to every address. */
export function requestEmailPages(definition: EmailRequestPage): [Page, Page] {
  return [
    page({
      method: 'GET',
      path: definition.path,
      tokenInUrl: true,
      handle: ({ query, session }) => ({
        html: <EmailForm definition={definition} next={nextPath(query['next'])} email={session?.email ?? ''} />,
      }),
    }),
    page({
      method: 'POST',
      path: definition.path,
      tokenInUrl: true,
      handle: async (call) => {
        const { ctx, form } = call;
        const next = nextPath(form['next']);
        const email = emailOf(form['email']);
        const errors = emailErrors(email);
        if (errors.length > 0) {
          return {
            status: 422,
            html: <EmailForm definition={definition} next={next} email={email} errors={errors} />,
          };
        }
        await countAttempt(call, definition.action, email);
        await withMinimumDuration(queueAuthMail(ctx, () => definition.createEmail(ctx.auth, email), next));
        return { html: definition.confirmation(email, next) };
      },
    }),
  ];
}
