import type { VNode } from 'preact';
import { MAX_PASSKEY_NAME_LENGTH } from '../../../http/lengths';
import type { PasskeyDoc } from '../../../../shared/store/passkeys';
import type { passkeyCreation } from '../../../accounts/passkeys';
import { PublicError } from '../../../http/public-error';
import { createPasskeyRoute } from '../../../staff/create-passkey';
import { deletePasskeyRoute } from '../../../staff/delete-passkey';
import { startPasskeyRoute } from '../../../staff/start-passkey';
import { Panel, RelativeTime, Split } from '../../design/app-parts';
import { Field } from '../../design/controls';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { PasskeyForm } from '../../design/passkey-form';
import { Facts, Marks } from '../../design/text';
import { errorsOf } from '../../http/form-errors';
import { passkeyResponse } from '../passkey-response';
import { AccountLayout } from './account-layout';
import { type Account, accountPage } from './account-page';
import { agentName } from './agent-name';

const SECURITY = '/portal/account/security';
const NEW = '/portal/account/passkeys/new';
const REMOVE = '/portal/account/passkeys/remove';

type Ceremony = Awaited<ReturnType<typeof passkeyCreation>>;

/** What the form can fix, by the field that the route names. */
const MESSAGES: Record<string, string> = {
  name: 'Enter a name, such as “Work laptop”.',
  response: 'The browser’s response is not complete. Try again.',
  challengeId: 'The page was open for too long. Try again.',
};

function NewPasskey({
  account,
  ceremony,
  name,
  errors = [],
}: {
  account: Account;
  ceremony: Ceremony;
  name: string;
  errors?: FormError[];
}): VNode {
  return (
    <AccountLayout
      account={account}
      title="Add a passkey"
      errors={errors}
      current={SECURITY}
      lead="Your browser or password manager keeps it, and MIR stores only its public half."
    >
      <Split>
        <Panel>
          <div data-without-passkeys>
            <p>
              Creating a passkey needs JavaScript, and a browser that supports passkeys. Allow scripts for this site, or
              set up a <a href="/portal/account/second-factor">second factor</a> instead, which needs neither.
            </p>
            <ButtonLink href={SECURITY} plain>
              Back to security
            </ButtonLink>
          </div>
          <PasskeyForm action={NEW} kind="create" ceremony={ceremony}>
            <Field
              name="name"
              label="Name"
              hint="So that you recognize it in the list."
              maxLength={MAX_PASSKEY_NAME_LENGTH}
              value={name}
              errors={errors}
            />
            <Actions>
              <Button>Create the passkey</Button>
              <ButtonLink href={SECURITY} plain>
                Cancel
              </ButtonLink>
            </Actions>
          </PasskeyForm>
        </Panel>
        <Panel title="What it changes">
          <Marks
            items={[
              'You log in with your fingerprint, face or screen lock, instead of the password and the code.',
              'It works only on this site, so a copy of it can’t ask you for it.',
              'Your password still works. If you lose the device, log in with it and remove the passkey.',
            ]}
          />
        </Panel>
      </Split>
    </AccountLayout>
  );
}

export const newPasskeyPage = accountPage({
  method: 'GET',
  path: NEW,
  recentLogIn: true,
  handle: async ({ account, call, userAgent }) => {
    const ceremony = await call<Ceremony>(startPasskeyRoute);
    return { html: <NewPasskey account={account} ceremony={ceremony} name={agentName(userAgent)} /> };
  },
});

export const addPasskeyPage = accountPage({
  method: 'POST',
  path: NEW,
  recentLogIn: true,
  hasLongText: true,
  handle: async ({ account, call, form }) => {
    const name = (form['name'] ?? '').trim();
    try {
      const body = { challengeId: form['challengeId'] ?? '', name, response: passkeyResponse(form['response']) };
      await call(createPasskeyRoute, { body });
      return { redirect: `${SECURITY}?done=added` };
    } catch (error) {
      const errors = errorsOf(error, MESSAGES);
      const ceremony = await call<Ceremony>(startPasskeyRoute);
      return { status: 422, html: <NewPasskey account={account} ceremony={ceremony} name={name} errors={errors} /> };
    }
  },
});

function RemovePasskey({
  account,
  passkey: { _id, name, createdAt, lastUsedAt },
  isLast,
}: {
  account: Account;
  passkey: PasskeyDoc;
  isLast: boolean;
}): VNode {
  return (
    <AccountLayout account={account} title={`Remove ${name}`} current={SECURITY}>
      <Panel>
        <p>
          You can no longer log in with this passkey. Open sessions stay.{' '}
          {isLast
            ? `It is your last passkey: afterward, you log in with your password${account.hasSecondFactor ? ' and a code' : ''}.`
            : 'Your other passkeys and your password stay.'}
        </p>
        <Facts
          facts={[
            ['Name', <bdi>{name}</bdi>],
            ['Added', <RelativeTime at={createdAt} />],
            ['Last used', lastUsedAt ? <RelativeTime at={lastUsedAt} /> : 'Never'],
          ]}
        />
        <p class="quiet small">
          Also delete it in your browser or password manager, which otherwise keeps offering it.
        </p>
        <Form action={REMOVE} hidden={{ passkey: _id }}>
          <Actions>
            <Button kind="danger">Remove the passkey</Button>
            <ButtonLink href={SECURITY} plain>
              Keep it
            </ButtonLink>
          </Actions>
        </Form>
      </Panel>
    </AccountLayout>
  );
}

export const removePasskeyPage = accountPage({
  method: 'GET',
  path: REMOVE,
  recentLogIn: true,
  handle: async ({ ctx, staff, account, query }) => {
    const passkeys = await ctx.store.passkeys.of(staff.staffId);
    const passkey = passkeys.find(({ _id }) => _id === query['passkey']);
    if (!passkey) throw new PublicError('NOT_FOUND', 'Your account has no such passkey. It may have been removed.');
    return { html: <RemovePasskey account={account} passkey={passkey} isLast={passkeys.length === 1} /> };
  },
});

export const removePasskey = accountPage({
  method: 'POST',
  path: REMOVE,
  recentLogIn: true,
  handle: async ({ call, form }) => {
    await call(deletePasskeyRoute, { params: { id: form['passkey'] ?? '' } });
    return { redirect: `${SECURITY}?done=removed` };
  },
});
