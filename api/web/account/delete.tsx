import type { VNode } from 'preact';
import type { IdentityId } from '../../../shared/domain/ids';
import { countAttempt } from '../auth/throttles';
import { Panel } from '../design/app-parts';
import { Beside } from '../design/beside';
import { Field } from '../design/controls';
import { Actions, Button, ButtonLink, ErrorSummary, Form, type FormError, titleWith } from '../design/form';
import { Layout } from '../design/layout';
import { usePageFacts } from '../design/page-facts';
import { Heading, Num } from '../design/text';
import { readMyHistory } from '../../links/read-history';
import { deletePerson } from '../../people/delete-person';
import { withNext } from '../http/next-path';
import { page, type PageCall } from '../http/page';

interface DeleteProps {
  email: string;
  platforms: number;
  errors?: FormError[];
}

function WhatStays(): VNode {
  return (
    <Panel title="What stays">
      <ul>
        <li>
          The events that platforms reported stay in MIR, each with its type, time, weight and metadata. Each platform
          still sees the events it reported. If you ask a platform to erase you, MIR deletes the events that platform
          reported.
        </li>
        <li>Existing backups keep your data until the operator of this MIR server deletes the backups.</li>
        <li>
          The database’s internal files can keep parts of your data until the database overwrites them. MIR doesn’t use
          these parts.
        </li>
      </ul>
    </Panel>
  );
}

function Delete({ email, platforms, errors = [] }: DeleteProps): VNode {
  const { provider } = usePageFacts();
  return (
    <Layout title={titleWith(errors, 'Delete your MIR account')} beside>
      <Heading>Delete your MIR account?</Heading>
      <p>You can’t undo this.</p>
      <Beside
        summary={
          <>
            <WhatStays />
            <Panel>
              <p>
                Want a copy first? <a href="/account/export">Export your data</a>.
              </p>
            </Panel>
          </>
        }
        rest={
          <>
            <ErrorSummary errors={errors} />
            <Panel>
              <Form action="/account/delete">
                <Field
                  name="password"
                  label="Your password"
                  hint="We ask for your password in case someone else is using this browser."
                  type="password"
                  autocomplete="current-password"
                  errors={errors}
                />
                <Actions>
                  <Button kind="danger">Delete MIR account</Button>
                  <ButtonLink href="/account" plain>
                    Keep account
                  </ButtonLink>
                </Actions>
              </Form>
              <NoPassword />
            </Panel>
          </>
        }
      >
        <Panel title="What changes">
          <ul>
            {platforms > 0 && (
              <li>
                {platforms === 1 ? (
                  'Your connected account will be disconnected.'
                ) : (
                  <>
                    Your <Num>{platforms}</Num> connected accounts will be disconnected.
                  </>
                )}{' '}
                Each platform will then see only the events it reported itself. It can also see that you deleted your
                MIR account.
              </li>
            )}
            <li>
              Your email address {email}, your password
              {provider !== null && `, your login with ${provider}`} and all your sessions will be deleted.
            </li>
            <li>MIR will no longer store which accounts belong to the same person.</li>
          </ul>
        </Panel>
      </Beside>
    </Layout>
  );
}

/** Offers a way to choose a password, because people who log in with a provider may not have one. */
function NoPassword(): VNode | null {
  const { provider } = usePageFacts();
  if (provider === null) return null;
  return (
    <p>
      Do you log in with {provider} and have no password? <a href="/forgot">Choose one first</a>.
    </p>
  );
}

async function countAccounts({ ctx }: Pick<PageCall, 'ctx'>, identityId: IdentityId): Promise<number> {
  const now = new Date();
  const both = await Promise.all((['live', 'test'] as const).map((env) => readMyHistory(ctx, identityId, env, now)));
  return both.reduce((sum, { accounts }) => sum + accounts.length, 0);
}

const WRONG: FormError = {
  field: 'password',
  message: 'Wrong password. Nothing was deleted. Check your password and try again.',
};

/** Explains what deleting the account does and asks for the password. */
export const deletePage = page({
  method: 'GET',
  path: '/account/delete',
  handle: async (call) => {
    const { session } = call;
    if (!session) return { redirect: withNext('/login', '/account') };
    const platforms = await countAccounts(call, session.identityId as IdentityId);
    return { html: <Delete email={session.email} platforms={platforms} /> };
  },
});

/** Deletes the person's links and their account. */
export const deleteIdentity = page({
  method: 'POST',
  path: '/account/delete',
  handle: async (call) => {
    const { ctx, session, form, cookie, requestId } = call;
    if (!session) return { redirect: withNext('/login', '/account') };
    const { email } = session;
    const identityId = session.identityId as IdentityId;
    await countAttempt(call, 'log-in', email);
    if (typeof (await ctx.auth.logIn(email, form['password'] ?? '')) === 'string') {
      const platforms = await countAccounts(call, identityId);
      return { status: 422, html: <Delete email={email} platforms={platforms} errors={[WRONG]} /> };
    }
    const cacheState = await deletePerson(ctx, { identityId, email }, requestId);
    const done = cacheState === 'done' ? 'deleted' : 'deleted-pending';
    return { redirect: `/login?done=${done}`, cookies: await ctx.auth.logOut(cookie) };
  },
});
