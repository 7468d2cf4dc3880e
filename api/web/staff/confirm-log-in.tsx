import type { VNode } from 'preact';
import { noteRejectedLogIn } from '../../staff/rejected-log-ins';
import { countConfirmation } from '../../staff/throttles';
import { Field } from '../design/controls';
import { Actions, Button, CSRF_TOKEN_FIELD, ErrorSummary, Form, type FormError, titleWith } from '../design/form';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';
import { type Fields, type Page, type PageResponse, staffPage } from '../http/page';

const PATH = '/portal/confirm';
const HOME = '/portal';
const TEMPORARY_REDIRECT = 307;
/** Paths that may be opened after the confirmation. Prevents open redirects. */
const ALLOWED = [
  /^\/portal\/prt_[a-z0-9]{1,40}\/(?:live|test)(?:\/[a-z-]{1,40}){0,4}(?:\?[a-z]{1,20}=[\w-]{1,60})?$/,
  /^\/portal\/account(?:\/[a-z-]{1,40}){1,2}$/,
  /^\/console(?:\/[\w-]{1,60}){1,4}$/,
];

const nextOrHome = (path: string | undefined): string =>
  ALLOWED.some((allowed) => allowed.test(path ?? '')) ? path! : HOME;

const FAILURES: Record<'CODE_REQUIRED' | 'CODE_WRONG' | 'WRONG', FormError> = {
  CODE_REQUIRED: { field: 'code', message: 'Enter your password again, and a code from your authenticator app.' },
  CODE_WRONG: { field: 'code', message: 'The code is wrong or was used before. Enter a new one.' },
  WRONG: { field: 'password', message: 'The password is wrong. Enter it again.' },
};

/** Hidden field that says that the form to confirm is submitted again afterwards. */
const RESUBMITS = 'resubmits';
/** Fields of the confirmation itself. Secrets of the form to confirm are entered again. */
const OWN_FIELDS = new Set([CSRF_TOKEN_FIELD, 'next', 'password', 'code', RESUBMITS]);

/** Returns the fields of the form to confirm, without secrets. */
function enteredIn(form: Fields): Record<string, string | null> {
  const fields = Object.entries(form).filter(([name]) => !OWN_FIELDS.has(name));
  return Object.fromEntries(fields.map(([name, value]) => [name, value ?? null]));
}

interface ConfirmProps {
  next: string;
  /** The fields of the form that is submitted again, or null if a page is opened. */
  entered?: Record<string, string | null> | null;
  errors?: FormError[];
}

function Confirm({ next, entered = null, errors = [] }: ConfirmProps): VNode {
  return (
    <Layout title={titleWith(errors, 'Confirm that it’s you')}>
      <Heading>Confirm that it’s you</Heading>
      <p>
        The next step grants lasting rights or cannot be undone, and you logged in a while ago.
        {entered !== null && ' Nothing is changed yet. What you entered is submitted when you continue.'}
      </p>
      <ErrorSummary errors={errors} />
      <Form action={PATH} hidden={{ ...entered, next, [RESUBMITS]: entered === null ? null : 'yes' }}>
        <Field name="password" label="Password" type="password" autocomplete="current-password" errors={errors} />
        <Field
          name="code"
          label="Code"
          hint="Only if you have set up a second factor."
          autocomplete="one-time-code"
          optional
          maxLength={20}
          errors={errors}
        />
        <Actions>
          <Button>Continue</Button>
        </Actions>
      </Form>
      <p class="quiet">
        If you have no password, log out and log in again with your passkey or your organization’s account. That counts,
        too.
      </p>
    </Layout>
  );
}

/**
 * Lets a member or operator confirm the log-in before a page. Then the page opens, or its form is submitted again with
 * what was entered.
 */
export function confirmFirst({ method, path }: Pick<Page, 'method' | 'path'>, form: Fields): PageResponse {
  if (method === 'GET') return { redirect: `${PATH}?next=${encodeURIComponent(path)}` };
  return { status: 403, html: <Confirm next={path} entered={enteredIn(form)} /> };
}

export const confirmLogInPage = staffPage({
  method: 'GET',
  path: PATH,
  handle: ({ query }) => ({ html: <Confirm next={nextOrHome(query['next'])} /> }),
});

export const confirmLogIn = staffPage({
  method: 'POST',
  path: PATH,
  // Repeats forms that may have one.
  hasLongText: true,
  handle: async ({ ctx, staff, form }) => {
    await countConfirmation(ctx, staff.staffId);
    const next = nextOrHome(form['next']);
    const resubmits = form[RESUBMITS] !== undefined && next !== HOME;
    const code = form['code'] ?? '';
    const proof = { password: form['password'] ?? '', ...(code !== '' && { code }) };
    const result = await ctx.staffAuth.confirm(staff, proof);
    // 307 makes the browser post the same fields to the next path.
    if (result === 'DONE') return { redirect: next, ...(resubmits && { status: TEMPORARY_REDIRECT }) };
    if (result !== 'CODE_REQUIRED') noteRejectedLogIn(ctx, { staffId: staff.staffId });
    const entered = resubmits ? enteredIn(form) : null;
    return { status: 422, html: <Confirm next={next} entered={entered} errors={[FAILURES[result]]} /> };
  },
});
