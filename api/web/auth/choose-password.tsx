import type { VNode } from 'preact';
import { Actions, Button, ButtonLink, ErrorSummary, Field, Form, type FormError, titleWith } from '../design/form';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';
import { nextPath, withNext } from '../http/next-path';
import { type Page, page } from '../http/page';
import { PASSWORD_HINT, passwordErrors } from './form-fields';
import { countTry } from './throttles';

const GONE = 410;

/** A page that a mailed link opens, on which the owner of the address chooses a password. */
interface PasswordPage {
  path: string;
  title: string;
  /** What setting the password does. */
  effect: (email: string) => VNode;
  label: string;
  /** What to do for a reader who did not ask for the mail. */
  unasked: string;
  /** The notice on the log-in page afterwards. */
  done: string;
  /** Why the link may not work, and where to get a new one. */
  gone: { reasons: string; retry: string; button: string };
}

interface ChoosePasswordProps {
  of: PasswordPage;
  token: string;
  email: string;
  next: string | null;
  errors?: FormError[];
}

function ChoosePassword({ of, token, email, next, errors = [] }: ChoosePasswordProps): VNode {
  const { path, title, effect, label, unasked } = of;
  return (
    <Layout title={titleWith(errors, title)}>
      <Heading>{title}</Heading>
      {effect(email)}
      <ErrorSummary errors={errors} />
      <Form action={path} hidden={{ token, next }}>
        {/* Password managers store the password under this name. */}
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
      <p class="quiet">{unasked}</p>
    </Layout>
  );
}

function Gone({ of: { gone }, next }: { of: PasswordPage; next: string | null }): VNode {
  return (
    <Layout title="This link no longer works">
      <Heading>This link no longer works</Heading>
      <p>{gone.reasons}</p>
      <Actions>
        <ButtonLink href={withNext(gone.retry, next)}>{gone.button}</ButtonLink>
      </Actions>
      <p>
        Already have a password? <a href={withNext('/login', next)}>Log in</a>
      </p>
    </Layout>
  );
}

/**
 * Returns the page that a mailed link opens and the handler of its form. Mail scanners open links too, so opening it
 * changes nothing. It logs no one in: otherwise a stranger's link would put its reader into the stranger's account.
 */
export function choosePassword(of: PasswordPage): [Page, Page] {
  const goneFor = (next: string | null) => ({ status: GONE, html: <Gone of={of} next={next} /> });
  return [
    page({
      method: 'GET',
      path: of.path,
      tokenInUrl: true,
      handle: async ({ ctx, query }) => {
        const next = nextPath(query['next']);
        const token = query['token'] ?? '';
        const email = await ctx.auth.ownerOfLink(token);
        return email === null
          ? goneFor(next)
          : { html: <ChoosePassword of={of} token={token} email={email} next={next} /> };
      },
    }),
    page({
      method: 'POST',
      path: of.path,
      tokenInUrl: true,
      handle: async (call) => {
        const { ctx, form } = call;
        const next = nextPath(form['next']);
        const token = form['token'] ?? '';
        const password = form['password'] ?? '';
        const errors = passwordErrors(password);
        if (errors.length > 0) {
          const email = await ctx.auth.ownerOfLink(token);
          if (email === null) return goneFor(next);
          return {
            status: 422,
            html: <ChoosePassword of={of} token={token} email={email} next={next} errors={errors} />,
          };
        }
        await countTry(call, 'reset', null);
        if ((await ctx.auth.reset(token, password)) === 'INVALID') return goneFor(next);
        return { redirect: withNext(`/login?done=${of.done}`, next) };
      },
    }),
  ];
}
