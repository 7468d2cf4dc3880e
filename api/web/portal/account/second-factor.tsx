import type { VNode } from 'preact';
import { MirError } from '../../../../shared/errors';
import { noStaffCookie } from '../../../accounts/staff-cookie';
import { confirmSecondFactorRoute } from '../../../staff/confirm-second-factor';
import { createSecondFactorRoute } from '../../../staff/create-second-factor';
import { removeSecondFactorRoute } from '../../../staff/remove-second-factor';
import { Panel, Split } from '../../design/app-parts';
import { Field } from '../../design/controls';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { QrCode, qrModules } from '../../design/qr-code';
import { Secret } from '../../design/text';
import { errorsOf } from '../../http/form-errors';
import { AccountLayout } from './account-layout';
import { type Account, accountPage } from './account-page';

const SECURITY = '/portal/account/security';
const PATH = '/portal/account/second-factor';
const CONFIRM = `${PATH}/confirm`;
const REMOVE = `${PATH}/remove`;
const GROUP = /.{1,4}/g;

const WRONG_PASSWORD: FormError = { field: 'password', message: 'The password is wrong. Enter it again.' };
const WRONG_CODE: FormError = {
  field: 'code',
  message: 'The code is wrong or has expired. Enter the one that the app shows now.',
};

/** Returns the error of the field that proves who someone is, or those of other fields. Throws what a form cannot fix. */
function rejectionOf(error: unknown, proof: FormError, messages: Record<string, string>): FormError[] {
  if (error instanceof MirError && error.code === 'LOG_IN_FAILED') return [proof];
  return errorsOf(error, messages);
}

interface Shown {
  account: Account;
  errors?: FormError[];
}

const PASSWORD = { name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password' } as const;

function SetUp({ account, errors = [] }: Shown): VNode {
  return (
    <AccountLayout
      account={account}
      title="Set up a second factor"
      errors={errors}
      current={SECURITY}
      lead="Logins with your password will also need a code from your phone."
    >
      <Split>
        <Panel>
          <p>You need an authenticator app, such as the one in your password manager. First, confirm that it’s you.</p>
          <Form action={PATH}>
            <Field {...PASSWORD} errors={errors} />
            <Actions>
              <Button>Continue</Button>
              <ButtonLink href={SECURITY} plain>
                Cancel
              </ButtonLink>
            </Actions>
          </Form>
        </Panel>
        <Panel title="What happens next">
          <ol>
            <li>You scan a QR code with the app, and keep ten backup codes.</li>
            <li>You enter the code that the app shows.</li>
            <li>You’re logged out everywhere, so that every session has needed both.</li>
          </ol>
        </Panel>
      </Split>
    </AccountLayout>
  );
}

function CodeForm({ errors = [] }: { errors?: FormError[] }): VNode {
  return (
    <Form action={CONFIRM}>
      <Field
        name="code"
        label="Code from the app"
        hint="Six digits. They change every 30 seconds."
        autocomplete="one-time-code"
        inputMode="numeric"
        class="code"
        maxLength={20}
        errors={errors}
      />
      <Actions>
        <Button>Turn it on</Button>
        <ButtonLink href={SECURITY} plain>
          Cancel
        </ButtonLink>
      </Actions>
    </Form>
  );
}

interface Created {
  otpauthUri: string;
  backupCodes: string[];
}

function Scan({ account, created, modules }: Shown & { created: Created; modules: boolean[][] }): VNode {
  const secret = new URL(created.otpauthUri).searchParams.get('secret') ?? '';
  return (
    <AccountLayout
      account={account}
      title="Connect your app"
      current={SECURITY}
      lead="The QR code and the backup codes are shown only now."
    >
      <Split>
        <Panel title="1. Scan the code with your app">
          <div class="scan">
            <QrCode modules={modules} label="QR code for your authenticator app" />
            <div>
              <p>Or type this key into the app:</p>
              <p>
                <Secret id="second-factor-key">{secret.match(GROUP)?.join(' ')}</Secret>
              </p>
              <p class="quiet small">
                On this phone? <a href={created.otpauthUri}>Open the app</a>
              </p>
            </div>
          </div>
        </Panel>
        <Panel title="2. Keep your backup codes">
          <p>Each works once instead of a code, if you lose your phone. Keep them in a safe place, not on the phone.</p>
          <ul class="backup-codes" id="backup-codes">
            {created.backupCodes.map((code) => (
              <li key={code}>
                <code>{code}</code>
              </li>
            ))}
          </ul>
        </Panel>
      </Split>
      <Panel title="3. Enter what the app shows">
        <CodeForm />
      </Panel>
    </AccountLayout>
  );
}

function Confirm({ account, errors = [] }: Shown): VNode {
  return (
    <AccountLayout account={account} title="Enter the code" errors={errors} current={SECURITY}>
      <Panel>
        <CodeForm errors={errors} />
        <p class="quiet small">
          Is the account not in your app? <a href={PATH}>Start again</a> with a new QR code.
        </p>
      </Panel>
    </AccountLayout>
  );
}

export const secondFactorPage = accountPage({
  method: 'GET',
  path: PATH,
  recentLogIn: true,
  handle: ({ account }) => (account.hasSecondFactor ? { redirect: SECURITY } : { html: <SetUp account={account} /> }),
});

/** Creates a second factor, which counts only after its first code. */
export const createSecondFactor = accountPage({
  method: 'POST',
  path: PATH,
  recentLogIn: true,
  handle: async ({ account, call, form }) => {
    try {
      const created = await call<Created>(createSecondFactorRoute, { body: { password: form['password'] ?? '' } });
      const modules = await qrModules(created.otpauthUri);
      return { html: <Scan account={account} created={created} modules={modules} /> };
    } catch (error) {
      const errors = rejectionOf(error, WRONG_PASSWORD, { password: 'Enter your password.' });
      return { status: 422, html: <SetUp account={account} errors={errors} /> };
    }
  },
});

/** Turns the second factor on, which ends all sessions. */
export const confirmSecondFactor = accountPage({
  method: 'POST',
  path: CONFIRM,
  recentLogIn: true,
  handle: async ({ ctx, account, call, form }) => {
    try {
      await call(confirmSecondFactorRoute, { body: { code: form['code'] ?? '' } });
      return { redirect: '/portal/login?done=factor', cookies: [noStaffCookie(ctx)] };
    } catch (error) {
      const errors = rejectionOf(error, WRONG_CODE, { code: 'Enter the code that the app shows.' });
      return { status: 422, html: <Confirm account={account} errors={errors} /> };
    }
  },
});

function Remove({ account, errors = [] }: Shown): VNode {
  return (
    <AccountLayout account={account} title="Remove the second factor" errors={errors} current={SECURITY}>
      <Panel>
        <p>
          Afterward, your password alone logs you in, and the backup codes no longer work. You’re logged out everywhere.
          Passkeys stay.
        </p>
        <p>
          New phone? Remove the second factor, log in again, and set it up with the new phone. For a safer account
          without codes, <a href="/portal/account/passkeys/new">add a passkey</a>.
        </p>
        <Form action={REMOVE}>
          <Field {...PASSWORD} errors={errors} />
          <Actions>
            <Button kind="danger">Remove the second factor</Button>
            <ButtonLink href={SECURITY} plain>
              Keep it
            </ButtonLink>
          </Actions>
        </Form>
      </Panel>
    </AccountLayout>
  );
}

export const removeSecondFactorPage = accountPage({
  method: 'GET',
  path: REMOVE,
  recentLogIn: true,
  handle: ({ account }) => (account.hasSecondFactor ? { html: <Remove account={account} /> } : { redirect: SECURITY }),
});

export const removeSecondFactor = accountPage({
  method: 'POST',
  path: REMOVE,
  recentLogIn: true,
  handle: async ({ ctx, account, call, form }) => {
    try {
      await call(removeSecondFactorRoute, { body: { password: form['password'] ?? '' } });
      return { redirect: '/portal/login?done=no-factor', cookies: [noStaffCookie(ctx)] };
    } catch (error) {
      const errors = rejectionOf(error, WRONG_PASSWORD, { password: 'Enter your password.' });
      return { status: 422, html: <Remove account={account} errors={errors} /> };
    }
  },
});
