import type { VNode } from 'preact';
import { requestPassword } from '../../../staff/request-password';
import { resetPassword } from '../../../staff/reset-password';
import { countSecret } from '../../../staff/throttles';
import { emailErrors, emailOf, PASSWORD_HINT, passwordErrors } from '../../auth/form-fields';
import { Field } from '../../design/controls';
import { Actions, Button, ButtonLink, ErrorSummary, Form, type FormError, titleWith } from '../../design/form';
import { Layout } from '../../design/layout';
import { usePageFacts } from '../../design/page-facts';
import { Heading } from '../../design/text';
import { page } from '../../http/page';

const GONE = 410;
const FORGOT = '/portal/forgot';
const RESET = '/portal/reset';

function Forgot({ email = '', errors = [] }: { email?: string; errors?: FormError[] }): VNode {
  return (
    <Layout title={titleWith(errors, 'Choose a new password')}>
      <Heading>Choose a new password</Heading>
      <p>
        Enter the email address of your portal account. We send you a link with which you can choose a new password.
      </p>
      <ErrorSummary errors={errors} />
      <Form action={FORGOT}>
        <Field name="email" label="Email address" type="email" autocomplete="username" value={email} errors={errors} />
        <Actions>
          <Button>Send the link</Button>
        </Actions>
      </Form>
    </Layout>
  );
}

function CheckEmail({ email }: { email: string }): VNode {
  const { mails } = usePageFacts();
  return (
    <Layout title="Check your email">
      <Heading>Check your email</Heading>
      <p>
        If a portal account has the address <strong>{email}</strong>, we’ve sent a link to it.
      </p>
      {mails === 'outbox' && (
        <p>
          This server doesn’t send email. <a href="/outbox">Open its outbox</a>
        </p>
      )}
    </Layout>
  );
}

export const portalForgotPage = page({
  method: 'GET',
  path: FORGOT,
  always: true,
  staff: 'optional',
  handle: () => ({ html: <Forgot /> }),
});

/** Responds in the same way to every address. */
export const portalForgot = page({
  method: 'POST',
  path: FORGOT,
  always: true,
  staff: 'optional',
  handle: async ({ ctx, form, ip }) => {
    const email = emailOf(form['email']);
    const errors = emailErrors(email);
    if (errors.length > 0) return { status: 422, html: <Forgot email={email} errors={errors} /> };
    await requestPassword(ctx, email, ip);
    return { html: <CheckEmail email={email} /> };
  },
});

function Reset({ token, email, errors = [] }: { token: string; email: string; errors?: FormError[] }): VNode {
  return (
    <Layout title={titleWith(errors, 'Choose a new password')}>
      <Heading>Choose a new password</Heading>
      <p>
        This sets a new password for <strong>{email}</strong> and logs you out on every device. A second factor stays.
      </p>
      <ErrorSummary errors={errors} />
      <Form action={RESET} hidden={{ token }}>
        {/* Password managers save the password under this username. */}
        <input type="text" name="username" value={email} autocomplete="username" readOnly hidden />
        <Field
          name="password"
          label="New password"
          type="password"
          autocomplete="new-password"
          hint={PASSWORD_HINT}
          errors={errors}
        />
        <Actions>
          <Button>Set password</Button>
        </Actions>
      </Form>
    </Layout>
  );
}

function InvalidLink(): VNode {
  return (
    <Layout title="This link no longer works">
      <Heading>This link no longer works</Heading>
      <p>The link has expired, was already used, or is incomplete. Your password hasn’t changed.</p>
      <Actions>
        <ButtonLink href={FORGOT}>Get a new link</ButtonLink>
      </Actions>
    </Layout>
  );
}

const invalid = (): { status: number; html: VNode } => ({ status: GONE, html: <InvalidLink /> });

export const portalResetPage = page({
  method: 'GET',
  path: RESET,
  always: true,
  staff: 'optional',
  tokenInUrl: true,
  handle: async ({ ctx, query }) => {
    const token = query['token'] ?? '';
    const staffId = await ctx.staffAuth.ownerOfLink(token);
    const account = staffId === null ? null : await ctx.store.staff.get(staffId);
    return account ? { html: <Reset token={token} email={account.email} /> } : invalid();
  },
});

export const portalReset = page({
  method: 'POST',
  path: RESET,
  always: true,
  staff: 'optional',
  tokenInUrl: true,
  handle: async ({ ctx, form, ip, requestId }) => {
    await countSecret(ctx, ip);
    const token = form['token'] ?? '';
    const password = form['password'] ?? '';
    const staffId = await ctx.staffAuth.ownerOfLink(token);
    const account = staffId === null ? null : await ctx.store.staff.get(staffId);
    if (!account) return invalid();
    const errors = passwordErrors(password);
    if (errors.length > 0) {
      return { status: 422, html: <Reset token={token} email={account.email} errors={errors} /> };
    }
    const reset = await resetPassword(ctx, { token, password }, requestId);
    return reset ? { redirect: '/portal/login?done=password' } : invalid();
  },
});
