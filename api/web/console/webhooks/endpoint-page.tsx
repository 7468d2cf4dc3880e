import type { VNode } from 'preact';
import type { z } from 'zod';
import { isTenant } from '../../../../shared/domain/ids';
import { DELIVERY_RETENTION_DAYS } from '../../../../shared/domain/webhook';
import type { ApiContext } from '../../../context';
import type { deliverySchema } from '../../../webhooks/delivery-schemas';
import { findWebhook, webhookNotFound } from '../../../webhooks/find-webhook';
import { pageOfDeliveries } from '../../../webhooks/list-deliveries';
import { hasFailed, type ListedEndpoint, presentEndpoints } from '../../../webhooks/list-endpoints';
import { DataTable, Empty, NextPage, Panel, RelativeTime, Split, State } from '../../design/app-parts';
import { Facts, Secret } from '../../design/text';
import type { Fields } from '../../http/page';
import { auditPath } from '../audit/audit-paths';
import { ConsoleLayout } from '../console-layout';
import { type ConsoleOperator, consolePage } from '../console-page';
import { endpointPath, EndpointState, failureText, LastFailure, waitingText, WEBHOOKS } from './endpoint-parts';
import { Owner } from '../erasures/erasure-parts';

const PAGE_SIZE = 25;

type Delivery = z.input<typeof deliverySchema>;

const DELIVERY_STATES = {
  PENDING: { kind: 'pending', text: 'Being sent' },
  DELIVERED: { kind: 'active', text: 'Delivered' },
  FAILED: { kind: 'ended', text: 'Failed' },
  SKIPPED: { kind: 'suspended', text: 'Not sent' },
} as const;

function LastAttempt({ delivery: { attempts, attemptCount } }: { delivery: Delivery }): VNode {
  const last = attempts.at(-1);
  if (last === undefined) return <span>None yet</span>;
  const { responseCode, error = null } = last;
  return (
    <span>
      {hasFailed(last) ? failureText({ responseCode, error }) : `Accepted (${responseCode})`},{' '}
      <RelativeTime at={new Date(last.at)} />
      {attemptCount > 1 && `, attempt ${attemptCount}`}
    </span>
  );
}

function Deliveries({
  href,
  page: { data, nextCursor },
}: {
  href: string;
  page: { data: readonly Delivery[]; nextCursor: string | null };
}): VNode {
  return (
    <Panel title="Messages" flush>
      {data.length === 0 ? (
        <Empty title="No messages">
          <p>Messages of the last {DELIVERY_RETENTION_DAYS} days appear here, without their content.</p>
        </Empty>
      ) : (
        <DataTable
          caption="Messages, newest first"
          columns={[{ text: 'Message' }, { text: 'State' }, { text: 'Created' }, { text: 'Last attempt' }]}
          rows={data.map((delivery) => {
            const { kind, text } = DELIVERY_STATES[delivery.status];
            return {
              key: delivery.deliveryId,
              cells: [
                <code>{delivery.type}</code>,
                <State kind={kind}>{text}</State>,
                <RelativeTime at={new Date(delivery.createdAt)} />,
                <LastAttempt delivery={delivery} />,
              ],
            };
          })}
        />
      )}
      <NextPage href={href} cursor={nextCursor} />
    </Panel>
  );
}

/** What happens next, and who can do something. Operators cannot change the endpoints of partners. */
function Next({ endpoint, portal }: { endpoint: ListedEndpoint; portal: string }): VNode {
  const { disabledAt, disabledReason, failingSince } = endpoint;
  return (
    <Panel title="What happens now">
      {disabledAt === null && failingSince === null && <p>The last attempt succeeded. Nothing needs to be done.</p>}
      {disabledAt === null && failingSince !== null && (
        <p>
          MIR tries each message for about a day. If every attempt fails for a day, MIR disables the endpoint, keeps
          further messages, and emails the partner’s contact.
        </p>
      )}
      {disabledAt !== null && (
        <p>
          {disabledReason === 'REQUESTED'
            ? 'The partner disabled this endpoint. '
            : 'Every attempt failed for a day. MIR has emailed the partner. '}
          Messages are kept for {DELIVERY_RETENTION_DAYS} days, but not sent.
        </p>
      )}
      <p>
        Only the partner can repair its server, enable the endpoint and have missed messages sent again. Its developers
        and administrators do that here:
      </p>
      <p>
        <Secret>{portal}</Secret>
      </p>
    </Panel>
  );
}

interface Shown {
  operator: ConsoleOperator;
  endpoint: ListedEndpoint;
  deliveries: { data: readonly Delivery[]; nextCursor: string | null };
  portal: string;
}

function Endpoint({ operator, endpoint, deliveries, portal }: Shown): VNode {
  const { host, partnerId, environment, webhookId, createdAt, failingSince, disabledAt, lastFailure, waiting } =
    endpoint;
  return (
    <ConsoleLayout title={host} current={WEBHOOKS} operator={operator}>
      <p>
        <a href={WEBHOOKS}>All endpoints that need attention</a>
      </p>
      <Split>
        <Panel title="Endpoint">
          <Facts
            facts={[
              ['State', <EndpointState endpoint={endpoint} />],
              failingSince === null ? null : ['Failing since', <RelativeTime at={failingSince} />],
              disabledAt === null ? null : ['Disabled', <RelativeTime at={disabledAt} />],
              ['Last failure', <LastFailure failure={lastFailure} />],
              ['Messages waiting', waitingText(waiting)],
              ['Partner', <Owner owner={endpoint} />],
              ['Partner ID', <code>{partnerId}</code>],
              ['Created', <RelativeTime at={createdAt} />],
              ['Endpoint ID', <code>{webhookId}</code>],
            ]}
          />
          <p class="quiet small">
            The address is not shown, because it may contain a secret of the partner.{' '}
            <a href={auditPath({ partnerId, env: environment }, { id: webhookId })}>Who changed the endpoint</a> is in
            the audit log.
          </p>
        </Panel>
        <Next endpoint={endpoint} portal={portal} />
      </Split>
      <Deliveries href={endpointPath(endpoint)} page={deliveries} />
    </ConsoleLayout>
  );
}

async function readEndpoint(
  ctx: ApiContext,
  { partnerId = '', env = '', webhookId = '' }: Fields,
  cursor: string | undefined,
): Promise<Pick<Shown, 'endpoint' | 'deliveries'>> {
  const tenant = `${partnerId}:${env}`;
  if (!isTenant(tenant)) throw webhookNotFound();
  const row = await findWebhook(ctx, tenant, webhookId);
  const [[endpoint], deliveries] = await Promise.all([
    presentEndpoints(ctx, [row]),
    pageOfDeliveries(ctx, tenant, row, { limit: PAGE_SIZE, cursor }),
  ]);
  return { endpoint: endpoint!, deliveries };
}

/** A webhook endpoint of any partner, with its last messages. */
export const endpointPage = consolePage({
  method: 'GET',
  path: '/webhooks/:partnerId/:env/:webhookId',
  right: 'partners:read',
  handle: async ({ ctx, operator, params, query }) => {
    const { endpoint, deliveries } = await readEndpoint(ctx, params, query['cursor']);
    const { partnerId, environment, webhookId } = endpoint;
    const portal = `${ctx.config.publicUrl}/portal/${partnerId}/${environment}/webhooks/view?webhook=${webhookId}`;
    return { html: <Endpoint {...{ operator, endpoint, deliveries, portal }} /> };
  },
});
