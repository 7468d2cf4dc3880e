import type { VNode } from 'preact';
import { MAX_PERSON_NAME_LENGTH } from '../../../http/lengths';
import { updateAccountRoute } from '../../../staff/update-account';
import { Panel, Split } from '../../design/app-parts';
import { Field } from '../../design/controls';
import { Actions, Button, Form, type FormError } from '../../design/form';
import { errorsOf } from '../../http/form-errors';
import { AccountLayout } from './account-layout';
import { type Account, accountPage } from './account-page';

const PATH = '/portal/account';

function Profile({
  account,
  name = account.name,
  done,
  errors = [],
}: {
  account: Account;
  name?: string;
  done?: string | undefined;
  errors?: FormError[];
}): VNode {
  return (
    <AccountLayout
      account={account}
      title="Profile"
      errors={errors}
      current={PATH}
      lead="Other members of your organizations see your name and email address."
      done={errors.length === 0 ? done : undefined}
    >
      <Split>
        <Panel>
          <Form action={PATH}>
            <Field
              name="name"
              label="Name"
              hint="Audit logs show a new name within an hour. Earlier entries keep the old one."
              autocomplete="name"
              maxLength={MAX_PERSON_NAME_LENGTH}
              value={name}
              errors={errors}
            />
            <Actions>
              <Button>Save the name</Button>
            </Actions>
          </Form>
        </Panel>
        <Panel title="Email address">
          <p>
            <strong>{account.email}</strong>
          </p>
          <p class="quiet small">
            You log in with this address, and it can’t be changed. To use another one, ask to be invited with it.
          </p>
        </Panel>
      </Split>
    </AccountLayout>
  );
}

export const profilePage = accountPage({
  method: 'GET',
  path: PATH,
  handle: ({ account, query }) => ({
    html: <Profile account={account} done={query['done'] === 'name' ? 'Your name is saved.' : undefined} />,
  }),
});

export const changeName = accountPage({
  method: 'POST',
  path: PATH,
  handle: async ({ account, call, form }) => {
    const name = (form['name'] ?? '').trim();
    try {
      await call(updateAccountRoute, { body: { name } });
      return { redirect: `${PATH}?done=name` };
    } catch (error) {
      const errors = errorsOf(error, name === '' ? { name: 'Enter your name.' } : {});
      return { status: 422, html: <Profile account={account} name={name} errors={errors} /> };
    }
  },
});
