import type { VNode } from 'preact';
import type { IdentityId } from '../../../shared/domain/ids';
import { PublicError } from '../../http/public-error';
import type { ApiContext } from '../../context';
import { removeLink } from '../../links/remove-links';
import { Panel } from '../design/app-parts';
import { Beside } from '../design/beside';
import { Actions, Button, ButtonLink, Form } from '../design/form';
import { Layout } from '../design/layout';
import { Day, Facts, Heading, Num } from '../design/text';
import { auditContextForPerson } from '../../db/person-context';
import { AccountName } from '../links/account-name';
import { type MyAccount, readMyHistory } from '../../links/read-history';
import { withNext } from '../http/next-path';
import { page } from '../http/page';

const pathOf = (linkId: string): string => `/account/links/${linkId}`;

function notConnected(): PublicError {
  return new PublicError(
    'NOT_FOUND',
    'This account is not connected to your MIR account. It may already have been disconnected.',
  );
}

async function findAccount(ctx: ApiContext, identityId: IdentityId, linkId: string): Promise<MyAccount> {
  for (const env of ['live', 'test'] as const) {
    const { accounts } = await readMyHistory(ctx, identityId, env, new Date());
    const mine = accounts.find(({ account }) => account.linkId === linkId);
    if (mine) return mine;
  }
  throw notConnected();
}

function Disconnect({ mine: { account, partner, row } }: { mine: MyAccount }): VNode {
  const name = partner?.name ?? 'this platform';
  return (
    <Layout title={`Disconnect from ${name}`} beside>
      <Heading>Disconnect from {name}?</Heading>
      <Beside
        summary={
          <Panel>
            <Facts
              facts={[
                ['Account', <AccountName label={account.accountLabel} partner={partner} />],
                ['Connected since', <Day at={account.linkedAt} />],
                ['Events', <Num>{row?.eventCount ?? 0}</Num>],
              ]}
            />
          </Panel>
        }
        rest={
          <Form action={pathOf(account.linkId)}>
            <Actions>
              <Button>Disconnect</Button>
              <ButtonLink href="/account" plain>
                Stay connected
              </ButtonLink>
            </Actions>
          </Form>
        }
      >
        <Panel>
          <p>
            After you disconnect, {name} sees only the events it reported itself, and the totals that other platforms
            see no longer include those events. We can’t take back what platforms have already seen. No events are
            deleted. To connect again, you need a new link or code from {name}.
          </p>
        </Panel>
      </Beside>
    </Layout>
  );
}

/** Explains what disconnecting an account does and asks for confirmation. */
export const disconnectPage = page({
  method: 'GET',
  path: '/account/links/:linkId',
  handle: async ({ ctx, session, params }) => {
    if (!session) return { redirect: withNext('/login', '/account') };
    return {
      html: <Disconnect mine={await findAccount(ctx, session.identityId as IdentityId, params['linkId'] ?? '')} />,
    };
  },
});

export const disconnect = page({
  method: 'POST',
  path: '/account/links/:linkId',
  handle: async ({ ctx, session, params, requestId }) => {
    if (!session) return { redirect: withNext('/login', '/account') };
    const identityId = session.identityId as IdentityId;
    const removed = await removeLink(ctx, identityId, params['linkId'] ?? '', auditContextForPerson(requestId));
    if (!removed) throw notConnected();
    return { redirect: `/account?done=${removed === 'done' ? 'disconnected' : 'pending'}` };
  },
});
