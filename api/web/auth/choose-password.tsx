import type { VNode } from 'preact';
import { Panel } from '../design/app-parts';
import { Beside } from '../design/beside';
import { Field } from '../design/controls';
import { Actions, Button, ButtonLink, ErrorSummary, Form, type FormError, titleWith } from '../design/form';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';
import { nextPath, withNext } from '../http/next-path';
import { type Page, page } from '../http/page';
import { PASSWORD_HINT, passwordErrors } from './form-fields';
import { countAttempt } from './throttles';

const GONE = 410;

/** A page where the recipient of an emailed link chooses a password. */
interface PasswordPage {
  path: string;
  title: string;
  /** Explains what setting the password does. */
  effect: (email: string) => VNode;
  label: string;
  /** Advice for a reader who did not request the email. */
  notRequested: string;
  /** Key of the notice that the login page shows afterward. */
  done: string;
  /** Why the link may not work, and where to get a new one. */
  invalid: { reasons: string; retry: string; button: string };
}

interface ChoosePasswordProps {
  definition: PasswordPage;
  token: string;
  email: string;
  next: string | null;
  errors?: FormError[];
}

function ChoosePassword({ definition, token, email, next, errors = [] }: ChoosePasswordProps): VNode {
  const { path, title, effect, label, notRequested } = definition;
  return (
    <Layout title={titleWith(errors, title)} beside>
      <Heading>{title}</Heading>
      {effect(email)}
      <Beside
        summary={
          <Panel>
            <p class="quiet">{notRequested}</p>
          </Panel>
        }
      >
        <ErrorSummary errors={errors} />
        <Panel>
          <Form action={path} hidden={{ token, next }}>
            {/* Password managers save the password under this username. */}
            <input type="text" name="username" value={email} autocomplete="username" readOnly hidden />
            <Field
              name="password"
              label={label}
              type="password"
              autocomplete="new-password"
              hint={PASSWORD_HINT}
              errors={errors}
            />
            <Actions>
              <Button>Set password</Button>
            </Actions>
          </Form>
        </Panel>
      </Beside>
    </Layout>
  );
}

function InvalidLink({ definition: { invalid }, next }: { definition: PasswordPage; next: string | null }): VNode {
  return (
    <Layout title="This link no longer works">
      <Heading>This link no longer works</Heading>
      <Panel>
        <p>{invalid.reasons}</p>
        <Actions>
          <ButtonLink href={withNext(invalid.retry, next)}>{invalid.button}</ButtonLink>
        </Actions>
      </Panel>
      <p>
        Already have a password? <a href={withNext('/login', next)}>Log in</a>
      </p>
    </Layout>
  );
}

/**
 * Returns the page for an emailed link, along with its form handler. Opening the page does not change anything, because
 * email scanners also open links. Setting a password does not log the person in; otherwise, an attacker could send out
 * links that log people in to the attacker's account.
 */
export function choosePassword(definition: PasswordPage): [Page, Page] {
  const invalidLink = (next: string | null) => ({
    status: GONE,
    html: <InvalidLink definition={definition} next={next} />,
  });
  return [
    page({
      method: 'GET',
      path: definition.path,
      tokenInUrl: true,
      handle: async ({ ctx, query }) => {
        const next = nextPath(query['next']);
        const token = query['token'] ?? '';
        const email = await ctx.auth.ownerOfLink(token);
        return email === null
          ? invalidLink(next)
          : { html: <ChoosePassword definition={definition} token={token} email={email} next={next} /> };
      },
    }),
    page({
      method: 'POST',
      path: definition.path,
      tokenInUrl: true,
      handle: async (call) => {
        const { ctx, form } = call;
        const next = nextPath(form['next']);
        const token = form['token'] ?? '';
        const password = form['password'] ?? '';
        const errors = passwordErrors(password);
        if (errors.length > 0) {
          const email = await ctx.auth.ownerOfLink(token);
          if (email === null) return invalidLink(next);
          return {
            status: 422,
            html: <ChoosePassword definition={definition} token={token} email={email} next={next} errors={errors} />,
          };
        }
        await countAttempt(call, 'reset', null);
        if ((await ctx.auth.reset(token, password)) === 'INVALID') return invalidLink(next);
        return { redirect: withNext(`/login?done=${definition.done}`, next) };
      },
    }),
  ];
}
