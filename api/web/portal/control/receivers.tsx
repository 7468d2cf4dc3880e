import type { VNode } from 'preact';
import type { z } from 'zod';
import { MAX_RECEIVERS_PER_TENANT, type ReceiverFormat } from '../../../../shared/domain/receiver';
import { listReceiversRoute } from '../../../receivers/list-receivers';
import type { receiverSchema } from '../../../receivers/receiver-schemas';
import { DataTable, Empty, Panel, RelativeTime, State } from '../../design/app-parts';
import { ButtonLink } from '../../design/form';
import { Facts } from '../../design/text';
import { type Member, type MemberCall, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';

const PATH = '/receivers';

export type Receiver = z.infer<typeof receiverSchema>;

export const FORMAT_WORDS: Record<ReceiverFormat, string> = {
  SET: 'Security Event Token',
  STANDARD_WEBHOOK: 'Standard Webhooks message',
};

/** Returns the receivers of the environment. */
export async function receiversOf({ call }: Pick<MemberCall, 'call'>): Promise<readonly Receiver[]> {
  return (await call<{ data: Receiver[] }>(listReceiversRoute)).data;
}

/** What the last push to a receiver led to. */
export function ReceiverState({ receiver: { state, lastAcknowledgedAt } }: { receiver: Receiver }): VNode {
  if (state === 'FAILING') return <State kind="suspended">Failing</State>;
  if (lastAcknowledgedAt === null) return <State kind="pending">No push yet</State>;
  return <State kind="active">Acknowledges</State>;
}

/** The time and code of a receiver's last failed attempt. */
export function LastError({ receiver: { lastError } }: { receiver: Receiver }): VNode {
  if (lastError === null) return <>None</>;
  return (
    <>
      <code>{lastError.code}</code>, <RelativeTime at={new Date(lastError.at)} />
    </>
  );
}

/** How receivers verify that a push comes from MIR. */
export function Verification({ publicUrl }: { publicUrl: string }): VNode {
  return (
    <Panel title="Verify each push">
      <Facts
        facts={[
          [
            FORMAT_WORDS.SET,
            <>
              Check the signature with a key from{' '}
              <a href="/.well-known/jwks.json">{`${publicUrl}/.well-known/jwks.json`}</a>, that <code>iss</code> is{' '}
              <code>{publicUrl}</code>, and that <code>aud</code> is your receiver’s address. Acknowledge with 202.
            </>,
          ],
          [
            FORMAT_WORDS.STANDARD_WEBHOOK,
            'Check the signature with the secret of the receiver, as for webhooks. Acknowledge with any 2xx.',
          ],
          [
            'Without a receiver',
            <>
              Your services can also ask MIR about each key that they get: see{' '}
              <a href="/guide#protect-your-own-services">Protect your own services</a>.
            </>,
          ],
        ]}
      />
    </Panel>
  );
}

function Receivers({
  member,
  receivers,
  publicUrl,
  isDeleted,
}: {
  member: Member;
  receivers: readonly Receiver[];
  publicUrl: string;
  isDeleted: boolean;
}): VNode {
  const base = member.base + PATH;
  const mayManage = member.scopes.includes('agents:manage-all');
  const mayAdd = mayManage && receivers.length < MAX_RECEIVERS_PER_TENANT;
  return (
    <PortalLayout
      member={member}
      done={isDeleted ? 'The receiver is deleted. MIR sends it nothing anymore.' : undefined}
      title="Receivers"
      path={PATH}
      lead="Systems outside MIR that let your agents in. MIR tells them at once when you stop, suspend or reactivate an agent."
      action={mayAdd && <ButtonLink href={`${base}/new`}>Add a receiver</ButtonLink>}
    >
      <Panel flush>
        {receivers.length === 0 ? (
          <Empty title="No receivers in this environment">
            <p>
              Add one for each system that caches what an agent may do, such as a gateway. Kill reports then show when
              each of them has acknowledged.
            </p>
          </Empty>
        ) : (
          <DataTable
            caption="Receivers"
            columns={[
              { text: 'Address' },
              { text: 'Format' },
              { text: 'State' },
              { text: 'Last acknowledged' },
              { text: 'Last error' },
              ...(mayManage ? [{ text: 'Action' }] : []),
            ]}
            rows={receivers.map((receiver) => ({
              key: receiver.receiverId,
              cells: [
                <span class="url">{receiver.url}</span>,
                FORMAT_WORDS[receiver.format],
                <ReceiverState receiver={receiver} />,
                receiver.lastAcknowledgedAt === null ? (
                  'Never'
                ) : (
                  <RelativeTime at={new Date(receiver.lastAcknowledgedAt)} />
                ),
                <LastError receiver={receiver} />,
                ...(mayManage
                  ? [
                      <a
                        href={`${base}/delete?receiver=${receiver.receiverId}`}
                        aria-label={`Delete the receiver ${receiver.url}`}
                      >
                        Delete…
                      </a>,
                    ]
                  : []),
              ],
            }))}
          />
        )}
      </Panel>
      {mayManage && !mayAdd && <p>An environment can have at most {MAX_RECEIVERS_PER_TENANT} receivers.</p>}
      <Verification publicUrl={publicUrl} />
    </PortalLayout>
  );
}

export const receiversPage = memberPage({
  method: 'GET',
  path: PATH,
  scope: 'agents:read',
  handle: async (page) => {
    const { member, ctx, query } = page;
    const receivers = await receiversOf(page);
    const { publicUrl } = ctx.config;
    return {
      html: (
        <Receivers
          member={member}
          receivers={receivers}
          publicUrl={publicUrl}
          isDeleted={query['done'] === 'deleted'}
        />
      ),
    };
  },
});
