import type { VNode } from 'preact';
import type { IdentityId } from '../../../shared/domain/ids';
import { PublicError } from '../../http/public-error';
import type { ApiContext } from '../../context';
import { removeLink } from '../../links/remove-links';
import { Actions, Button, ButtonLink, Form } from '../design/form';
import { Layout } from '../design/layout';
import { Day, Facts, Heading, Num } from '../design/text';
import { auditContextForPerson } from '../../db/person-context';
import { accountWords, type MyAccount, readMyHistory } from '../links/read-history';
import { withNext } from '../http/next-path';
import { page } from '../http/page';

const pathOf = (linkId: string): string => `/account/links/${linkId}`;

function noSuchLink(): PublicError {
  return new PublicError('NOT_FOUND', 'This account is not connected to your identity (any more).');
}

async function findMine(ctx: ApiContext, identityId: IdentityId, linkId: string): Promise<MyAccount> {
  for (const env of ['live', 'test'] as const) {
    const { accounts } = await readMyHistory(ctx, identityId, env, new Date());
    const mine = accounts.find(({ account }) => account.linkId === linkId);
    if (mine) return mine;
  }
  throw noSuchLink();
}

function Disconnect({ mine: { account, partner, row } }: { mine: MyAccount }): VNode {
  const name = partner?.name ?? 'this platform';
  const words = partner ? accountWords(account.accountLabel, partner) : 'this account';
  return (
    <Layout title={`Disconnect from ${name}`}>
      <Heading>Disconnect from {name}?</Heading>
      <Facts
        facts={[
          ['Account', words],
          ['Connected since', <Day at={account.linkedAt} />],
          ['Its events', <Num>{row?.eventCount ?? 0}</Num>],
        ]}
      />
      <p>
        From then on {name} sees only the events that it reported itself, and your other platforms no longer see those
        in your totals. What they have seen until then cannot be taken back. No event is deleted. To connect again you
        need a new link or code from {name}.
      </p>
      <Form action={pathOf(account.linkId)}>
        <Actions>
          <Button>Disconnect</Button>
          <ButtonLink href="/account" plain>
            Keep it connected
          </ButtonLink>
        </Actions>
      </Form>
    </Layout>
  );
}

/** What disconnecting one account means. */
export const disconnectPage = page({
  method: 'GET',
  path: '/account/links/:linkId',
  handle: async ({ ctx, session, params }) => {
    if (!session) return { redirect: withNext('/login', '/account') };
    return {
      html: <Disconnect mine={await findMine(ctx, session.identityId as IdentityId, params['linkId'] ?? '')} />,
    };
  },
});

/** Disconnects one account. */
export const disconnect = page({
  method: 'POST',
  path: '/account/links/:linkId',
  handle: async ({ ctx, session, params, requestId }) => {
    if (!session) return { redirect: withNext('/login', '/account') };
    const identityId = session.identityId as IdentityId;
    const removed = await removeLink(ctx, identityId, params['linkId'] ?? '', auditContextForPerson(requestId));
    if (!removed) throw noSuchLink();
    return { redirect: `/account?done=${removed === 'done' ? 'disconnected' : 'pending'}` };
  },
});
