import type { VNode } from 'preact';
import type { z } from 'zod';
import { HOUR_MS } from '../../../shared/domain/usage';
import { listKeysRoute } from '../../keys/list-keys';
import type { keyListSchema, PresentedKey } from '../../keys/key-schemas';
import { getUsageRoute, type usageSchema } from '../../usage/get-usage';
import { listWebhooksRoute } from '../../webhooks/list-webhooks';
import type { webhookSchema } from '../../webhooks/webhook-schemas';
import { countOf, countText } from '../design/count-text';
import { BarChart } from '../design/bar-chart';
import { DataTable, Empty, Panel, RelativeTime, Split, Tiles } from '../design/app-parts';
import { ButtonLink } from '../design/form';
import { usageBars } from '../usage/usage-bars';
import { type Member, memberPage } from './member-page';
import { PortalLayout } from './portal-layout';

const DAY_MS = 24 * HOUR_MS;
/** Keys that expire within this time need attention. */
const EXPIRES_SOON_MS = 14 * DAY_MS;

type Usage = z.infer<typeof usageSchema>;
type Keys = z.infer<typeof keyListSchema>['data'];
type Webhooks = readonly z.infer<typeof webhookSchema>[];

interface Concern {
  key: string;
  what: VNode | string;
  since: VNode | string;
  href: string;
  action: string;
}

function expiring({ expiresAt }: PresentedKey, nowMs: number): boolean {
  return expiresAt !== null && Date.parse(expiresAt) - nowMs < EXPIRES_SOON_MS;
}

/** Keys whose previous secret still works, but not for long. */
function rotating(base: string, keys: Keys): Concern[] {
  return keys.flatMap(({ keyId, name, prefix, previous }) => {
    const last = previous.at(-1);
    if (!last) return [];
    const since = (
      <>
        Previous secret stops working <RelativeTime at={new Date(last.validUntil)} />
      </>
    );
    const what = `Key ${name ?? `${prefix}…`}`;
    return [{ key: `${keyId} previous`, what, since, href: `${base}/keys/view?key=${keyId}`, action: 'Open' }];
  });
}

function concernsOf({ base, pendingApprovals }: Member, keys: Keys, webhooks: Webhooks): Concern[] {
  const nowMs = Date.now();
  return [
    ...(pendingApprovals === 0
      ? []
      : [
          {
            key: 'approvals',
            what: countOf(pendingApprovals, 'agent'),
            since: 'Awaiting approval',
            href: `${base}/approvals`,
            action: 'Decide',
          },
        ]),
    ...webhooks
      .filter(({ enabled, failingSince, disabledReason }) => (enabled ? failingSince : disabledReason === 'FAILING'))
      .map(({ webhookId, url, enabled, failingSince, disabledAt }) => ({
        key: webhookId,
        what: `Webhook ${new URL(url).host}`,
        since: (
          <>
            {enabled ? 'Failing since' : 'Disabled, because it failed,'}{' '}
            <RelativeTime at={new Date(enabled ? failingSince! : disabledAt!)} />
          </>
        ),
        href: `${base}/webhooks/view?webhook=${webhookId}`,
        action: 'Open',
      })),
    ...keys
      .filter((key) => expiring(key, nowMs))
      .map(({ keyId, name, prefix, expiresAt }) => ({
        key: keyId,
        what: `Key ${name ?? `${prefix}…`}`,
        since: (
          <>
            {Date.parse(expiresAt!) > nowMs ? 'Expires' : 'Expired'} <RelativeTime at={new Date(expiresAt!)} />
          </>
        ),
        href: `${base}/keys/view?key=${keyId}`,
        action: 'Open',
      })),
    ...rotating(base, keys),
  ];
}

/** What to do before the first event. Shown until there is one. */
function FirstSteps({ member: { base, scopes }, hasKey }: { member: Member; hasKey: boolean }): VNode {
  const mayCreate = scopes.includes('keys:manage');
  return (
    <Panel flush>
      <Empty title={hasKey ? 'No events yet' : 'Welcome to MIR'}>
        <p>
          {hasKey
            ? 'Send an event from this page, or from your own code with an API key. It appears here within a minute.'
            : 'Create an API key for your code. It submits what your users did, and asks what history exists.'}
        </p>
        {mayCreate && (
          <ButtonLink href={hasKey ? `${base}/first-event` : `${base}/keys/new`}>
            {hasKey ? 'Send a first event' : 'Create an API key'}
          </ButtonLink>
        )}
      </Empty>
    </Panel>
  );
}

function Overview({
  member,
  usage,
  keys,
  webhooks,
}: {
  member: Member;
  usage: Usage;
  keys: Keys;
  webhooks: Webhooks;
}): VNode {
  const { events, requests } = usage.total;
  const sent = requests.reduce((sum, { total }) => sum + total, 0);
  const concerns = concernsOf(member, keys, webhooks);
  const hours = [...usage.data].reverse();
  return (
    <PortalLayout member={member} title="Overview" path="">
      {events.persisted === 0 && <FirstSteps member={member} hasKey={keys.length > 0} />}
      <Tiles
        label="Last 24 hours"
        tiles={[
          { label: 'Events stored', figure: countText(events.persisted), note: '24 hours' },
          {
            label: 'Events rejected',
            figure: countText(events.rejected),
            note: events.rejected > 0 ? <a href={`${member.base}/rejections`}>See why</a> : '24 hours',
          },
          {
            label: 'Repeated events',
            figure: countText(events.duplicates),
            note: 'Same idempotency key, stored once',
          },
          { label: 'Requests', figure: countText(sent), note: '24 hours' },
        ]}
      />
      <Split>
        <Panel title="Events by hour" flush action={<a href={`${member.base}/usage`}>All usage</a>}>
          {hours.length === 0 ? (
            <Empty title="No usage in the last 24 hours">
              <p>Hours in which you send events or requests appear here.</p>
            </Empty>
          ) : (
            <>
              <BarChart bars={usageBars(usage, HOUR_MS, (at) => at.toISOString().slice(11, 16))} />
              <details>
                <summary>Show as table</summary>
                <DataTable
                  caption="Events by hour"
                  columns={[
                    { text: 'Hour (UTC)' },
                    { text: 'Stored', numeric: true },
                    { text: 'Rejected', numeric: true },
                    { text: 'Requests', numeric: true },
                  ]}
                  rows={hours.map(({ from, events: counts, requests: groups }) => ({
                    key: from,
                    cells: [
                      from.slice(0, 16).replace('T', ' '),
                      countText(counts.persisted),
                      countText(counts.rejected),
                      countText(groups.reduce((sum, { total }) => sum + total, 0)),
                    ],
                  }))}
                />
              </details>
            </>
          )}
        </Panel>
        <Panel title="Needs attention" flush>
          {concerns.length === 0 ? (
            <Empty title="Nothing">
              <p>
                Keys that expire soon or are being rotated, and webhooks that fail or were disabled for it, appear here.
              </p>
            </Empty>
          ) : (
            <DataTable
              caption="Needs attention"
              columns={[{ text: 'What' }, { text: 'Since or until' }, { text: 'Action' }]}
              rows={concerns.map(({ key, what, since, href, action }) => ({
                key,
                cells: [what, since, <a href={href}>{action}</a>],
              }))}
            />
          )}
        </Panel>
      </Split>
    </PortalLayout>
  );
}

export const overviewPage = memberPage({
  method: 'GET',
  path: '',
  scope: 'usage:read',
  handle: async ({ member, call }) => {
    const from = new Date(Date.now() - DAY_MS).toISOString();
    const [usage, keys, webhooks] = await Promise.all([
      call<Usage>(getUsageRoute, { query: { from } }),
      call<{ data: Keys }>(listKeysRoute),
      call<{ data: Webhooks }>(listWebhooksRoute),
    ]);
    return { html: <Overview member={member} usage={usage} keys={keys.data} webhooks={webhooks.data} /> };
  },
});
