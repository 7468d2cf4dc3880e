import type { VNode } from 'preact';
import { getKeyRoute } from '../../../keys/get-key';
import type { PresentedKey } from '../../../keys/key-schemas';
import { listKeysRoute } from '../../../keys/list-keys';
import { revokeKeyRoute } from '../../../keys/revoke-key';
import { DataTable, Empty, Panel, RelativeTime, State } from '../../design/app-parts';
import { ReasonField } from '../../design/confirmation';
import { Checkbox } from '../../design/controls';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { type SortableColumn, sortTable } from '../../design/sort-table';
import { Facts } from '../../design/text';
import type { Fields } from '../../http/page';
import { errorsOf } from '../../http/form-errors';
import { hrefOf } from '../href';
import { type Member, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';

const PATH = '/keys';

type Keys = readonly PresentedKey[];

/** The name of a key. Keys that operators issue have none. */
export function nameOf({ name }: Pick<PresentedKey, 'name'>): string {
  return name ?? 'Unnamed key';
}

/** Whether a key works, as a word with a shape. */
export function KeyState({ shown: { expiresAt, previous } }: { shown: PresentedKey }): VNode {
  if (expiresAt !== null && Date.parse(expiresAt) <= Date.now()) return <State kind="ended">Expired</State>;
  if (previous.length > 0) return <State kind="pending">Rotating</State>;
  return <State kind="active">Active</State>;
}

const timeOf = (at: string | null): number | null => (at === null ? null : Date.parse(at));

const COLUMNS: readonly SortableColumn<PresentedKey>[] = [
  { text: 'Name', name: 'name', by: nameOf },
  { text: 'State' },
  { text: 'Begins with' },
  { text: 'Created', name: 'created', by: ({ createdAt }) => timeOf(createdAt) },
  { text: 'Last used', name: 'used', by: ({ lastUsedAt }) => timeOf(lastUsedAt) },
  { text: 'Expires', name: 'expires', by: ({ expiresAt }) => timeOf(expiresAt) },
];

function KeyList({ member, keys, query }: { member: Member; keys: Keys; query: Fields }): VNode {
  const mayManage = member.scopes.includes('keys:manage');
  const base = member.base + PATH;
  const initial = { name: 'created', order: 'asc' } as const;
  const { items, columns } = sortTable(keys, COLUMNS, { query, href: base, initial });
  return (
    <PortalLayout
      member={member}
      title="API keys"
      path={PATH}
      done={query['done'] === 'revoked' ? 'The key is revoked. Requests with it are rejected.' : undefined}
      lead="Your code presents a key with each request. A key works in one environment."
      action={mayManage && <ButtonLink href={`${member.base}/keys/new`}>Create an API key</ButtonLink>}
    >
      <Panel flush>
        {keys.length === 0 ? (
          <Empty title="No API keys in this environment">
            <p>{mayManage ? 'Create one for your code.' : 'Ask a developer or administrator to create one.'}</p>
          </Empty>
        ) : (
          <DataTable
            caption="API keys"
            columns={columns}
            rows={items.map((key) => ({
              key: key.keyId,
              cells: [
                <a href={hrefOf(`${base}/view`, { key: key.keyId })}>{nameOf(key)}</a>,
                <KeyState shown={key} />,
                <code>{key.prefix}…</code>,
                <RelativeTime at={new Date(key.createdAt)} />,
                key.lastUsedAt === null ? 'Never' : <RelativeTime at={new Date(key.lastUsedAt)} />,
                key.expiresAt === null ? 'Never' : <RelativeTime at={new Date(key.expiresAt)} />,
              ],
            }))}
          />
        )}
      </Panel>
    </PortalLayout>
  );
}

export const keysPage = memberPage({
  method: 'GET',
  path: PATH,
  scope: 'keys:read',
  handle: async ({ member, call, query }) => {
    const { data } = await call<{ data: Keys }>(listKeysRoute);
    return { html: <KeyList member={member} keys={data} query={query} /> };
  },
});

function RevokeKey({
  member,
  shown,
  form = {},
  errors = [],
}: {
  member: Member;
  shown: PresentedKey;
  form?: Fields;
  errors?: FormError[];
}): VNode {
  return (
    <PortalLayout member={member} title={`Revoke ${nameOf(shown)}`} errors={errors} path={PATH}>
      <Panel>
        <p>Requests with this key are rejected at once and permanently. Events that it has submitted stay.</p>
        <Facts
          facts={[
            ['Begins with', <code>{shown.prefix}…</code>],
            ['May do', shown.scopes.join(', ')],
            ['Last used', shown.lastUsedAt === null ? 'Never' : <RelativeTime at={new Date(shown.lastUsedAt)} />],
          ]}
        />
        <Form action={`${member.base}/keys/revoke`} hidden={{ key: shown.keyId }}>
          <ReasonField form={form} optional errors={errors} />
          <Checkbox
            name="includeCreated"
            label="Also revoke the keys that were created with this key"
            checked={form['includeCreated'] === 'on'}
          />
          <Actions>
            <Button kind="danger">Revoke the key</Button>
            <ButtonLink href={hrefOf(`${member.base}${PATH}/rotate`, { key: shown.keyId })} plain>
              Rotate instead
            </ButtonLink>
            <ButtonLink href={hrefOf(`${member.base}${PATH}/view`, { key: shown.keyId })} plain>
              Cancel
            </ButtonLink>
          </Actions>
        </Form>
      </Panel>
    </PortalLayout>
  );
}

export const revokeKeyPage = memberPage({
  method: 'GET',
  path: `${PATH}/revoke`,
  scope: 'keys:manage',
  handle: async ({ member, call, query }) => {
    const shown = await call<PresentedKey>(getKeyRoute, { params: { id: query['key'] ?? '' } });
    return { html: <RevokeKey member={member} shown={shown} /> };
  },
});

export const revokeKey = memberPage({
  method: 'POST',
  path: `${PATH}/revoke`,
  scope: 'keys:manage',
  handle: async ({ member, call, form }) => {
    const params = { id: form['key'] ?? '' };
    const reason = (form['reason'] ?? '').trim();
    const includeCreated = form['includeCreated'] === 'on';
    try {
      await call(revokeKeyRoute, { params, body: { includeCreated, ...(reason && { reason }) } });
      return { redirect: `${member.base}${PATH}?done=revoked` };
    } catch (error) {
      const errors = errorsOf(error, {});
      const shown = await call<PresentedKey>(getKeyRoute, { params });
      return { status: 422, html: <RevokeKey member={member} shown={shown} form={form} errors={errors} /> };
    }
  },
});
