import type { VNode } from 'preact';
import type { IdentityId } from '../../../shared/domain/ids';
import { deleteIdentityDocs } from '../../../shared/store/delete-identity';
import { messageOf } from '../../../shared/errors';
import { removeAllLinks } from '../../links/remove-links';
import { countTry } from '../auth/throttles';
import { Actions, Button, ButtonLink, ErrorSummary, Field, Form, type FormError, titleWith } from '../design/form';
import { Layout } from '../design/layout';
import { usePageFacts } from '../design/page-facts';
import { Heading, Num } from '../design/text';
import { auditContextForPerson } from '../../db/person-context';
import { readMyHistory } from '../links/read-history';
import { withNext } from '../http/next-path';
import { page, type PageCall } from '../http/page';

interface DeleteProps {
  email: string;
  platforms: number;
  errors?: FormError[];
}

function Delete({ email, platforms, errors = [] }: DeleteProps): VNode {
  const { provider } = usePageFacts();
  return (
    <Layout title={titleWith(errors, 'Delete my identity')}>
      <Heading>Delete my identity?</Heading>
      <p>You cannot undo this.</p>
      <h2>What is deleted</h2>
      <ul>
        {platforms > 0 && (
          <li>
            Your <Num>{platforms}</Num> connected {platforms === 1 ? 'account is' : 'accounts are'} disconnected. Each
            platform sees only its own events again, and can see that you deleted your identity.
          </li>
        )}
        <li>
          Your address {email}, your password
          {provider !== null && `, your way in by ${provider}`} and all your sessions are deleted.
        </li>
        <li>MIR no longer stores which accounts belonged together.</li>
      </ul>
      <h2>What stays</h2>
      <ul>
        <li>
          The events that platforms reported stay in MIR, each with its type, time, weight and metadata. Each platform
          still sees its own. Ask each platform to erase you: MIR then deletes the events it reported.
        </li>
        <li>Backups made before keep what they hold until the operator of this MIR deletes them.</li>
      </ul>
      <p>
        If you want a copy first, <a href="/account/export">export your data</a>.
      </p>
      <ErrorSummary errors={errors} />
      <Form action="/account/delete">
        <Field
          name="password"
          label="Your password"
          hint="So that nobody else does this in a browser you left open."
          type="password"
          autocomplete="current-password"
          errors={errors}
        />
        <Actions>
          <Button kind="danger">Delete my identity</Button>
          <ButtonLink href="/account" plain>
            Keep it
          </ButtonLink>
        </Actions>
      </Form>
      <NoPassword />
    </Layout>
  );
}

/** Whoever logs in by a provider may never have chosen one. */
function NoPassword(): VNode | null {
  const { provider } = usePageFacts();
  if (provider === null) return null;
  return (
    <p>
      You log in with {provider} and have no password here? <a href="/forgot">Choose one first</a>.
    </p>
  );
}

async function countAccounts({ ctx }: Pick<PageCall, 'ctx'>, identityId: IdentityId): Promise<number> {
  const now = new Date();
  const both = await Promise.all((['live', 'test'] as const).map((env) => readMyHistory(ctx, identityId, env, now)));
  return both.reduce((sum, { accounts }) => sum + accounts.length, 0);
}

const WRONG: FormError = { field: 'password', message: 'This is not your password. Nothing was deleted.' };

/** What deleting means, before it is done. */
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

/** Ends all links and forgets the person, in one transaction. */
export const deleteIdentity = page({
  method: 'POST',
  path: '/account/delete',
  handle: async (call) => {
    const { ctx, session, form, cookie, requestId, log } = call;
    if (!session) return { redirect: withNext('/login', '/account') };
    const { email } = session;
    const identityId = session.identityId as IdentityId;
    await countTry(call, 'log-in', email);
    if (typeof (await ctx.auth.logIn(email, form['password'] ?? '')) === 'string') {
      const platforms = await countAccounts(call, identityId);
      return { status: 422, html: <Delete email={email} platforms={platforms} errors={[WRONG]} /> };
    }
    const cacheState = await removeAllLinks(ctx, identityId, auditContextForPerson(requestId), (tx) =>
      deleteIdentityDocs(ctx.store, identityId, email, tx),
    );
    // What waits there ends by itself within the hour; a queue store that is away must not undo the deletion.
    await ctx.mailQueue
      .forget(email)
      .catch((error: unknown) => log.warn({ err: messageOf(error) }, 'mails not forgotten'));
    const done = cacheState === 'done' ? 'deleted' : 'deleted-pending';
    return { redirect: `/login?done=${done}`, cookies: await ctx.auth.logOut(cookie) };
  },
});
