import type { VNode } from 'preact';
import { DELIVERY_RETENTION_DAYS } from '../../../../shared/domain/webhook';
import { recoverWebhookRoute } from '../../../webhooks/recover-webhook';
import { updateWebhookRoute } from '../../../webhooks/update-webhook';
import type { PresentedWebhook } from '../../../webhooks/webhook-schemas';
import { Panel, RelativeTime } from '../../design/app-parts';
import { Select } from '../../design/controls';
import { Actions, Button, Form } from '../../design/form';
import type { PageResponse } from '../../http/page';
import { type Member, type MemberCall, memberPage } from '../member-page';

const PATH = '/webhooks';
const HOUR_MS = 3_600_000;

/** From when on messages can be sent again. */
const PERIODS = [
  { value: '1', text: 'The last hour' },
  { value: '24', text: 'The last day' },
  { value: String(24 * DELIVERY_RETENTION_DAYS), text: `All ${DELIVERY_RETENTION_DAYS} days that MIR keeps them` },
] as const;

/** What a member can do about an endpoint that is disabled or has missed messages. */
export function RepairWebhook({
  member: { base },
  webhook: { webhookId, enabled, recovery },
}: {
  member: Member;
  webhook: PresentedWebhook;
}): VNode {
  const hidden = { webhook: webhookId };
  if (!enabled) {
    return (
      <Panel title="This endpoint is disabled">
        <p>MIR keeps its messages. Fix the server at the address, enable the endpoint, then send what it missed.</p>
        <Form action={`${base}${PATH}/enable`} hidden={hidden}>
          <Actions>
            <Button>Enable</Button>
          </Actions>
        </Form>
      </Panel>
    );
  }
  if (recovery !== null) {
    return (
      <Panel title="Missed messages">
        <p>
          MIR is sending what this endpoint has missed since <RelativeTime at={new Date(recovery.since)} />.
        </p>
      </Panel>
    );
  }
  return (
    <Panel title="Missed messages">
      <p>Sends every message again that this endpoint has not received. Delivered messages are not repeated.</p>
      <Form action={`${base}${PATH}/recover`} class="search" hidden={hidden}>
        <Select name="hours" label="Created in" value="24" options={PERIODS} errors={[]} />
        <Button kind="plain">Send missed messages</Button>
      </Form>
    </Panel>
  );
}

function shown({ member: { base } }: MemberCall, id: string, done: string): PageResponse {
  return { redirect: `${base}${PATH}/view?webhook=${encodeURIComponent(id)}&done=${done}` };
}

export const enableWebhook = memberPage({
  method: 'POST',
  path: `${PATH}/enable`,
  scope: 'webhooks:manage',
  handle: async (page) => {
    const id = page.form['webhook'] ?? '';
    await page.call(updateWebhookRoute, { params: { id }, body: { enabled: true } });
    return shown(page, id, 'enabled');
  },
});

export const recoverWebhook = memberPage({
  method: 'POST',
  path: `${PATH}/recover`,
  scope: 'webhooks:manage',
  handle: async (page) => {
    const id = page.form['webhook'] ?? '';
    const { value } = PERIODS.find((one) => one.value === page.form['hours']) ?? PERIODS[0];
    const since = new Date(Date.now() - Number(value) * HOUR_MS).toISOString();
    await page.call(recoverWebhookRoute, { params: { id }, body: { since } });
    return shown(page, id, 'recovering');
  },
});
