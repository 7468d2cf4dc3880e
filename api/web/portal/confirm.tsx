import type { VNode } from 'preact';
import { noteRejectedLogIn } from '../../staff/rejected-log-ins';
import { countConfirmation } from '../../staff/throttles';
import { Field } from '../design/controls';
import { Actions, Button, ErrorSummary, Form, type FormError, titleWith } from '../design/form';
import { Layout } from '../design/layout';
import { Heading } from '../design/text';
import { staffPage } from '../http/page';

const PATH = '/portal/confirm';
const HOME = '/portal';
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

function Confirm({ next, errors = [] }: { next: string; errors?: FormError[] }): VNode {
  return (
    <Layout title={titleWith(errors, 'Confirm that it’s you')}>
      <Heading>Confirm that it’s you</Heading>
      <p>The next step grants lasting rights or cannot be undone, and you logged in a while ago.</p>
      <ErrorSummary errors={errors} />
      <Form action={PATH} hidden={{ next }}>
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
    </Layout>
  );
}

export const confirmLogInPage = staffPage({
  method: 'GET',
  path: PATH,
  handle: ({ query }) => ({ html: <Confirm next={nextOrHome(query['next'])} /> }),
});

export const confirmLogIn = staffPage({
  method: 'POST',
  path: PATH,
  handle: async ({ ctx, staff, form }) => {
    await countConfirmation(ctx, staff.staffId);
    const next = nextOrHome(form['next']);
    const code = form['code'] ?? '';
    const proof = { password: form['password'] ?? '', ...(code !== '' && { code }) };
    const result = await ctx.staffAuth.confirm(staff, proof);
    if (result === 'DONE') return { redirect: next };
    if (result !== 'CODE_REQUIRED') noteRejectedLogIn(ctx, { staffId: staff.staffId });
    return { status: 422, html: <Confirm next={next} errors={[FAILURES[result]]} /> };
  },
});
