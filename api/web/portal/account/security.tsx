import type { VNode } from 'preact';
import type { PasskeyDoc } from '../../../../shared/store/passkeys';
import { MAX_PASSKEYS } from '../../../accounts/passkeys';
import { requestPassword } from '../../../staff/request-password';
import { doneText } from '../../design/done-text';
import { DataTable, Empty, Panel, RelativeTime } from '../../design/app-parts';
import { Button, ButtonLink, Form } from '../../design/form';
import { usePageFacts } from '../../design/page-facts';
import { AccountLayout } from './account-layout';
import { type Account, accountPage } from './account-page';
import { FactorState } from './factor-state';

const PATH = '/portal/account/security';
const SECOND_FACTOR = '/portal/account/second-factor';
const PASSKEYS = '/portal/account/passkeys';

/** Maps values of `done` to notices, so that the page never displays text from its URL. */
const DONE: Record<string, string> = {
  added: 'The passkey is added. You can log in with it from now on.',
  removed: 'The passkey is removed. It no longer logs you in.',
  password: 'We’ve sent you an email with a link, with which you can choose a new password.',
};

function Passkeys({ passkeys, isMain }: { passkeys: readonly PasskeyDoc[]; isMain: boolean }): VNode {
  const add =
    passkeys.length < MAX_PASSKEYS ? (
      <ButtonLink href={`${PASSKEYS}/new`} plain={!isMain}>
        Add a passkey
      </ButtonLink>
    ) : null;
  if (passkeys.length === 0) {
    return (
      <Panel title="Passkeys" flush>
        <Empty title="No passkeys yet">
          <p>
            With a passkey, you log in with your fingerprint, face or screen lock. It replaces the password and the
            code, and works only on this site, so a copy of this page can’t ask you for it.
          </p>
          {add}
        </Empty>
      </Panel>
    );
  }
  return (
    <Panel title="Passkeys" action={add} flush>
      <DataTable
        caption="Your passkeys"
        columns={[{ text: 'Name' }, { text: 'Added' }, { text: 'Last used' }, { text: 'Action' }]}
        rows={passkeys.map(({ _id, name, createdAt, lastUsedAt }) => ({
          key: _id,
          cells: [
            <bdi>{name}</bdi>,
            <RelativeTime at={createdAt} />,
            lastUsedAt ? <RelativeTime at={lastUsedAt} /> : 'Never',
            <a href={`${PASSKEYS}/remove?passkey=${encodeURIComponent(_id)}`} aria-label={`Remove ${name}`}>
              Remove
            </a>,
          ],
        }))}
      />
    </Panel>
  );
}

function SecondFactor({ isOn }: { isOn: boolean }): VNode {
  return (
    <Panel title="Second factor" action={<FactorState isOn={isOn} />}>
      <p>
        {isOn
          ? 'A login with your password also needs a code from your authenticator app, or an unused backup code.'
          : 'With a second factor, a login with your password also needs a code from an app on your phone. A stolen password is then not enough.'}
      </p>
      <ButtonLink href={isOn ? `${SECOND_FACTOR}/remove` : SECOND_FACTOR} plain>
        {isOn ? 'Remove…' : 'Set up a second factor'}
      </ButtonLink>
    </Panel>
  );
}

function Password({ email }: { email: string }): VNode {
  const { mails } = usePageFacts();
  return (
    <Panel title="Password">
      {mails === 'off' ? (
        <p>This server sends no email, so you can’t choose a new password yourself. Ask its operator to help you.</p>
      ) : (
        <>
          <p>
            To choose a new password, use a link that we send to {email}. The new password ends all sessions; passkeys
            and the second factor stay.
          </p>
          <Form action="/portal/account/password" class="plain-form">
            <Button kind="plain">Email me a link</Button>
          </Form>
        </>
      )}
    </Panel>
  );
}

function Security({
  account,
  passkeys,
  done,
}: {
  account: Account;
  passkeys: readonly PasskeyDoc[];
  done: string | undefined;
}): VNode {
  return (
    <AccountLayout
      account={account}
      title="Security"
      current={PATH}
      lead="How you prove that it’s you. Changes are written to the audit log."
      done={done}
    >
      <Passkeys passkeys={passkeys} isMain={passkeys.length === 0} />
      <SecondFactor isOn={account.hasSecondFactor} />
      <Password email={account.email} />
    </AccountLayout>
  );
}

export const securityPage = accountPage({
  method: 'GET',
  path: PATH,
  handle: async ({ ctx, staff, account, query }) => {
    const passkeys = await ctx.store.passkeys.of(staff.staffId);
    return { html: <Security account={account} passkeys={passkeys} done={doneText(DONE, query['done'])} /> };
  },
});

/** Sends the link with which the person can choose a new password. */
export const requestPortalPassword = accountPage({
  method: 'POST',
  path: '/portal/account/password',
  handle: async ({ ctx, account, ip }) => {
    await requestPassword(ctx, account.email, ip);
    return { redirect: `${PATH}?done=password` };
  },
});
