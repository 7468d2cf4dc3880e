import type { VNode } from 'preact';
import { MEMBER_ROLE_NAMES } from '../../../../shared/domain/roles';
import type { Env } from '../../../../shared/domain/ids';
import { KEY_SCOPES } from '../../../../shared/domain/scopes';
import { HOUR_MS } from '../../../../shared/domain/usage';
import type { PresentedKey } from '../../../keys/key-schemas';
import { countText } from '../../design/count-text';
import { BarChart } from '../../design/bar-chart';
import { DataTable, Empty, Panel, RelativeTime } from '../../design/app-parts';
import { dayLabel, usageBars } from '../../usage/usage-bars';
import { WebhookState } from '../../webhooks/webhook-state';
import type { PartnerDetails } from './read-partner-details';

const DAY_MS = 24 * HOUR_MS;
const monthText = new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' });

type Usage = NonNullable<PartnerDetails['usage']>;

interface Month {
  key: string;
  name: string;
  stored: number;
  rejected: number;
  requests: number;
}

/** Returns the sums of each month, newest first. The range starts with a month and covers two. */
function monthsOf({ from, asOf, data }: Usage): Month[] {
  return [asOf, from].map((time) => {
    const key = time.slice(0, 7);
    const days = data.filter((day) => day.from.startsWith(key));
    const sumOf = (count: (day: Usage['data'][number]) => number): number =>
      days.reduce((sum, day) => sum + count(day), 0);
    return {
      key,
      name: monthText.format(Date.parse(time)),
      stored: sumOf(({ events }) => events.persisted),
      rejected: sumOf(({ events }) => events.rejected),
      requests: sumOf(({ requests }) => requests.reduce((sum, { total }) => sum + total, 0)),
    };
  });
}

const USAGE_COLUMNS = [
  { text: 'Events stored', numeric: true },
  { text: 'Events rejected', numeric: true },
  { text: 'Requests', numeric: true },
] as const;

export function UsagePanel({ usage }: Pick<PartnerDetails, 'usage'>): VNode {
  if (usage === null) {
    return (
      <Panel title="Usage">
        <p>The usage could not be read. Reload the page to try again.</p>
      </Panel>
    );
  }
  const days = [...usage.data].reverse();
  return (
    <Panel title="Events stored by day" flush>
      {days.length === 0 ? (
        <Empty title="No usage this month or last">
          <p>Days on which the partner sends events or requests appear here.</p>
        </Empty>
      ) : (
        <>
          <BarChart bars={usageBars(usage, DAY_MS, dayLabel)} />
          <DataTable
            caption="Usage by month"
            columns={[{ text: 'Month (UTC)' }, ...USAGE_COLUMNS]}
            rows={monthsOf(usage).map(({ key, name, stored, rejected, requests }) => ({
              key,
              cells: [name, ...[stored, rejected, requests].map(countText)],
            }))}
          />
          <details>
            <summary>Show days as table</summary>
            <DataTable
              caption="Usage by day"
              columns={[{ text: 'Day (UTC)' }, ...USAGE_COLUMNS]}
              rows={days.map(({ from, events, requests }) => ({
                key: from,
                cells: [
                  from.slice(0, 10),
                  countText(events.persisted),
                  countText(events.rejected),
                  countText(requests.reduce((sum, { total }) => sum + total, 0)),
                ],
              }))}
            />
          </details>
        </>
      )}
    </Panel>
  );
}

/** Returns what a key may do, in a few words. */
export function scopesText({ scopes }: Pick<PresentedKey, 'scopes'>): string {
  return KEY_SCOPES.every((scope) => scopes.includes(scope)) ? 'Everything' : scopes.join(', ');
}

/** Returns what a key is called. */
export function keyName({ name, prefix }: Pick<PresentedKey, 'name' | 'prefix'>): string {
  return name ?? `${prefix}…`;
}

export function KeysPanel({
  keys,
  base,
  env,
  mayRevoke,
  mayReplace,
}: Pick<PartnerDetails, 'keys'> & { base: string; env: Env; mayRevoke: boolean; mayReplace: boolean }): VNode {
  return (
    <Panel title="API keys" action={mayReplace && <a href={`${base}/replace-keys/${env}`}>Replace all…</a>} flush>
      {keys.length === 0 ? (
        <Empty title="No API keys in this environment">
          <p>The partner’s administrators and developers create keys in the portal.</p>
        </Empty>
      ) : (
        <DataTable
          caption="API keys"
          columns={[
            { text: 'Key' },
            { text: 'May do' },
            { text: 'Last used' },
            ...(mayRevoke ? [{ text: 'Action' }] : []),
          ]}
          rows={keys.map((key) => ({
            key: key.keyId,
            cells: [
              <div>
                <bdi>{key.name ?? 'Without a name'}</bdi>
                <br />
                <code class="small">{key.prefix}…</code>
              </div>,
              scopesText(key),
              <div>
                {key.lastUsedAt === null ? 'Never' : <RelativeTime at={new Date(key.lastUsedAt)} />}
                {key.expiresAt !== null && (
                  <>
                    <br />
                    <span class="quiet small">
                      {Date.parse(key.expiresAt) < Date.now() ? 'expired' : 'expires'}{' '}
                      <RelativeTime at={new Date(key.expiresAt)} />
                    </span>
                  </>
                )}
              </div>,
              ...(mayRevoke
                ? [
                    <a href={`${base}/keys/${encodeURIComponent(key.keyId)}`} aria-label={`Revoke ${keyName(key)}`}>
                      Revoke…
                    </a>,
                  ]
                : []),
            ],
          }))}
        />
      )}
    </Panel>
  );
}

export function WebhooksPanel({ webhooks }: Pick<PartnerDetails, 'webhooks'>): VNode {
  return (
    <Panel title="Webhooks" flush>
      {webhooks.length === 0 ? (
        <Empty title="No webhook endpoints in this environment">
          <p>The partner adds endpoints in the portal or through the API.</p>
        </Empty>
      ) : (
        <DataTable
          caption="Webhook endpoints"
          columns={[{ text: 'Server' }, { text: 'State' }, { text: 'Failing since' }]}
          rows={webhooks.map((webhook) => ({
            key: webhook.webhookId,
            cells: [
              new URL(webhook.url).host,
              <WebhookState webhook={webhook} />,
              webhook.failingSince === null ? '–' : <RelativeTime at={new Date(webhook.failingSince)} />,
            ],
          }))}
        />
      )}
    </Panel>
  );
}

export function MembersPanel({ members: { data, hasMore } }: Pick<PartnerDetails, 'members'>): VNode {
  return (
    <Panel title="Members" flush>
      {data.length === 0 ? (
        <Empty title="No members">
          <p>
            Invite the first administrator with <code>mir members invite</code>.
          </p>
        </Empty>
      ) : (
        <>
          <DataTable
            caption="Members"
            columns={[{ text: 'Name' }, { text: 'Role' }]}
            rows={data.map(({ memberId, name, role }) => ({
              key: memberId,
              cells: [<bdi>{name}</bdi>, MEMBER_ROLE_NAMES[role]],
            }))}
          />
          {hasMore && <p class="next-page quiet small">Only the {data.length} newest members are shown.</p>}
        </>
      )}
    </Panel>
  );
}
