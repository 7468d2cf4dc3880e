import type { VNode } from 'preact';
import type { z } from 'zod';
import type { deliverySchema } from '../../../webhooks/delivery-schemas';
import { getWebhookRoute } from '../../../webhooks/get-webhook';
import { listDeliveriesRoute } from '../../../webhooks/list-deliveries';
import { listWebhooksRoute } from '../../../webhooks/list-webhooks';
import { resendDeliveryRoute } from '../../../webhooks/resend-delivery';
import { testWebhookRoute } from '../../../webhooks/test-webhook';
import type { PresentedWebhook } from '../../../webhooks/webhook-schemas';
import { doneText } from '../../design/done-text';
import { DataTable, Empty, NextPage, Panel, RelativeTime, State } from '../../design/app-parts';
import { Actions, Button, ButtonLink, Form } from '../../design/form';
import { Facts } from '../../design/text';
import { type Member, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';
import { WebhookState } from '../../webhooks/webhook-state';
import { RepairWebhook } from './repair-webhook';

const PATH = '/webhooks';

type Delivery = z.infer<typeof deliverySchema>;

/** Maps values of `done` to notices, so that the page never displays text from its URL. */
const DONE: Record<string, string> = {
  tested: 'A test message is on its way. Reload this page to see the outcome.',
  resent: 'The message is on its way again. Reload this page to see the outcome.',
  enabled: 'The endpoint is enabled. New messages are sent to it.',
  recovering: 'MIR is sending the missed messages. Reload this page to see the outcomes.',
  deleted: 'The endpoint is deleted. MIR sends it nothing anymore.',
};

const DELIVERY_STATES = {
  PENDING: { kind: 'pending', text: 'Being sent' },
  DELIVERED: { kind: 'active', text: 'Delivered' },
  FAILED: { kind: 'ended', text: 'Failed' },
  SKIPPED: { kind: 'suspended', text: 'Not sent' },
} as const;

function Webhooks({
  member,
  webhooks,
  done,
}: {
  member: Member;
  webhooks: readonly PresentedWebhook[];
  done: string | undefined;
}): VNode {
  const base = member.base + PATH;
  const mayManage = member.scopes.includes('webhooks:manage');
  return (
    <PortalLayout
      member={member}
      title="Webhooks"
      path={PATH}
      done={doneText(DONE, done)}
      lead="Addresses of your servers to which MIR sends signed messages, such as when a user links their account."
      action={mayManage && <ButtonLink href={`${base}/new`}>Add an endpoint</ButtonLink>}
    >
      <Panel flush>
        {webhooks.length === 0 ? (
          <Empty title="No endpoints in this environment">
            <p>
              The <a href="/guide#webhooks">guide</a> lists the messages and shows how to verify them.
            </p>
          </Empty>
        ) : (
          <DataTable
            caption="Webhook endpoints"
            columns={[{ text: 'Address' }, { text: 'State' }, { text: 'Messages' }, { text: 'Created' }]}
            rows={webhooks.map((webhook) => ({
              key: webhook.webhookId,
              cells: [
                <a href={`${base}/view?webhook=${webhook.webhookId}`}>{webhook.url}</a>,
                <WebhookState webhook={webhook} />,
                webhook.types === null ? 'All' : webhook.types.join(', '),
                <RelativeTime at={new Date(webhook.createdAt)} />,
              ],
            }))}
          />
        )}
      </Panel>
    </PortalLayout>
  );
}

export const webhooksPage = memberPage({
  method: 'GET',
  path: PATH,
  scope: 'webhooks:read',
  handle: async ({ member, call, query }) => {
    const { data } = await call<{ data: PresentedWebhook[] }>(listWebhooksRoute);
    return { html: <Webhooks member={member} webhooks={data} done={query['done']} /> };
  },
});

function lastAttempt({ attempts, attemptCount }: Delivery): VNode | string {
  const last = attempts.at(-1);
  if (!last) return 'None yet';
  return (
    <>
      {last.error ?? last.responseCode}, <RelativeTime at={new Date(last.at)} />
      {attemptCount > 1 && `, attempt ${attemptCount}`}
    </>
  );
}

function WebhookView({
  member,
  webhook,
  deliveries,
  done,
}: {
  member: Member;
  webhook: PresentedWebhook;
  deliveries: { data: readonly Delivery[]; nextCursor: string | null };
  done: string | undefined;
}): VNode {
  const base = member.base + PATH;
  const hidden = { webhook: webhook.webhookId };
  const mayManage = member.scopes.includes('webhooks:manage');
  return (
    <PortalLayout member={member} title={new URL(webhook.url).host} path={PATH} done={doneText(DONE, done)}>
      <Panel>
        <Facts
          facts={[
            ['Address', webhook.url],
            ['State', <WebhookState webhook={webhook} />],
            webhook.failingSince === null
              ? null
              : ['Failing since', <RelativeTime at={new Date(webhook.failingSince)} />],
            ['Messages', webhook.types === null ? 'All' : webhook.types.join(', ')],
            ['Endpoint ID', <code>{webhook.webhookId}</code>],
          ]}
        />
        {mayManage && (
          <Actions>
            <Form action={`${base}/test`} class="plain-form" hidden={hidden}>
              <Button kind="plain">Send a test message</Button>
            </Form>
            <ButtonLink href={`${base}/delete?webhook=${webhook.webhookId}`} plain>
              Delete…
            </ButtonLink>
          </Actions>
        )}
      </Panel>
      {mayManage && <RepairWebhook member={member} webhook={webhook} />}
      <Panel title="Deliveries" flush>
        {deliveries.data.length === 0 ? (
          <Empty title="No messages yet">
            <p>Messages of the last days and every attempt to deliver them appear here.</p>
          </Empty>
        ) : (
          <DataTable
            caption="Deliveries"
            columns={[
              { text: 'Message' },
              { text: 'State' },
              { text: 'Created' },
              { text: 'Last attempt' },
              ...(mayManage ? [{ text: 'Action' }] : []),
            ]}
            rows={deliveries.data.map((delivery) => {
              const { kind, text } = DELIVERY_STATES[delivery.status];
              return {
                key: delivery.deliveryId,
                cells: [
                  <code>{delivery.type}</code>,
                  <State kind={kind}>{text}</State>,
                  <RelativeTime at={new Date(delivery.createdAt)} />,
                  lastAttempt(delivery),
                  ...(mayManage
                    ? [
                        <Form
                          action={`${base}/resend`}
                          class="plain-form"
                          hidden={{ ...hidden, delivery: delivery.deliveryId }}
                        >
                          <button class="link-button">Send again</button>
                        </Form>,
                      ]
                    : []),
                ],
              };
            })}
          />
        )}
        <NextPage href={`${base}/view?webhook=${webhook.webhookId}`} cursor={deliveries.nextCursor} />
      </Panel>
    </PortalLayout>
  );
}

export const webhookPage = memberPage({
  method: 'GET',
  path: `${PATH}/view`,
  scope: 'webhooks:read',
  handle: async ({ member, call, query }) => {
    const params = { id: query['webhook'] ?? '' };
    const { cursor } = query;
    const [webhook, deliveries] = await Promise.all([
      call<PresentedWebhook>(getWebhookRoute, { params }),
      call<{ data: Delivery[]; nextCursor: string | null }>(listDeliveriesRoute, {
        params,
        query: { ...(cursor && { cursor }) },
      }),
    ]);
    return { html: <WebhookView member={member} webhook={webhook} deliveries={deliveries} done={query['done']} /> };
  },
});

export const testWebhook = memberPage({
  method: 'POST',
  path: `${PATH}/test`,
  scope: 'webhooks:manage',
  handle: async ({ member, call, form }) => {
    const id = form['webhook'] ?? '';
    await call(testWebhookRoute, { params: { id } });
    return { redirect: `${member.base}${PATH}/view?webhook=${encodeURIComponent(id)}&done=tested` };
  },
});

export const resendDelivery = memberPage({
  method: 'POST',
  path: `${PATH}/resend`,
  scope: 'webhooks:manage',
  handle: async ({ member, call, form }) => {
    const id = form['webhook'] ?? '';
    await call(resendDeliveryRoute, { params: { id, deliveryId: form['delivery'] ?? '' } });
    return { redirect: `${member.base}${PATH}/view?webhook=${encodeURIComponent(id)}&done=resent` };
  },
});
