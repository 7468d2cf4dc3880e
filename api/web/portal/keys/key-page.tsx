import type { VNode } from 'preact';
import { KEY_SCOPE_MEANINGS } from '../../../../shared/domain/scopes';
import { listAuditRoute } from '../../../audit/list-audit';
import { getKeyRoute } from '../../../keys/get-key';
import type { PresentedKey } from '../../../keys/key-schemas';
import { listKeysRoute } from '../../../keys/list-keys';
import { rotateKeyRoute } from '../../../keys/rotate-key';
import { Empty, Panel, RelativeTime } from '../../design/app-parts';
import { ReasonField } from '../../design/confirmation';
import { Select } from '../../design/controls';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { Facts, Marks, Secret } from '../../design/text';
import { errorsOf } from '../../http/form-errors';
import type { Fields } from '../../http/page';
import { type AuditEntries, ChangeTable } from '../audit/audit-parts';
import { hrefOf } from '../href';
import { KeyState, nameOf } from './keys';
import { type Member, type MemberCall, memberPage } from '../member-page';
import { restrictionsOf } from './new-key';
import { PortalLayout } from '../portal-layout';

const PATH = '/keys';
const CHANGES_SHOWN = '10';
const MEANINGS: Readonly<Record<string, string | undefined>> = KEY_SCOPE_MEANINGS;
const HOUR_SECONDS = 3_600;
/** How long the previous secret can keep working, in seconds. */
const OVERLAPS = [
  { value: String(24 * HOUR_SECONDS), text: 'For a day' },
  { value: String(HOUR_SECONDS), text: 'For an hour' },
  { value: String(7 * 24 * HOUR_SECONDS), text: 'For a week' },
  { value: '0', text: 'Not at all, because it has leaked' },
] as const;

interface Shown {
  key: PresentedKey;
  /** Who created the key: a member, another key, or the operator. */
  creator: VNode | string;
  changes: AuditEntries;
}

async function creatorOf({ ctx, member, call }: MemberCall, { createdBy }: PresentedKey): Promise<VNode | string> {
  if (createdBy === null) return 'The operator of this server';
  const { data } = await call<{ data: PresentedKey[] }>(listKeysRoute);
  const key = data.find(({ keyId }) => keyId === createdBy);
  if (key) return <a href={hrefOf(`${member.base}${PATH}/view`, { key: createdBy })}>{nameOf(key)}</a>;
  const person = await ctx.store.members.get(member.partnerId, createdBy);
  const account = person && (await ctx.store.staff.many([person.staffId])).get(person.staffId);
  return account ? <bdi>{account.name}</bdi> : <code>{createdBy}</code>;
}

function KeyView({ member, shown: { key, creator, changes } }: { member: Member; shown: Shown }): VNode {
  const { keyId, prefix, createdAt, lastUsedAt, previous, scopes } = key;
  const base = member.base + PATH;
  const hasAll = restrictionsOf(key).every((restriction) => restriction === null);
  return (
    <PortalLayout member={member} title={nameOf(key)} path={PATH}>
      <Panel>
        <Facts
          facts={[
            ['State', <KeyState shown={key} />],
            ['Begins with', <code>{prefix}…</code>],
            ...previous.map(
              ({ prefix: earlier, validUntil }) =>
                [
                  'Previous secret',
                  <>
                    <code>{earlier}…</code> stops working <RelativeTime at={new Date(validUntil)} />
                  </>,
                ] as const,
            ),
            ['Last used', lastUsedAt === null ? 'Never' : <RelativeTime at={new Date(lastUsedAt)} />],
            ['Created', <RelativeTime at={new Date(createdAt)} />],
            ['Created by', creator],
            ...restrictionsOf(key),
            hasAll ? ['Restrictions', 'None besides what it may do'] : null,
            ['Key ID', <code>{keyId}</code>],
          ]}
        />
        {member.scopes.includes('keys:manage') && (
          <Actions>
            <ButtonLink href={hrefOf(`${base}/rotate`, { key: keyId })}>Rotate…</ButtonLink>
            <ButtonLink href={hrefOf(`${base}/revoke`, { key: keyId })} plain>
              Revoke…
            </ButtonLink>
          </Actions>
        )}
      </Panel>
      <Panel title="What it may do">
        <Marks
          items={scopes.map((scope) => (
            <>
              {MEANINGS[scope] ?? 'A right of an earlier version'} <code>{scope}</code>
            </>
          ))}
        />
      </Panel>
      <Panel title="Changes" flush>
        {changes.data.length === 0 ? (
          <Empty title="No changes yet">
            <p>The audit log has no entry about this key.</p>
          </Empty>
        ) : (
          <ChangeTable entries={changes.data} />
        )}
      </Panel>
    </PortalLayout>
  );
}

export const keyPage = memberPage({
  method: 'GET',
  path: `${PATH}/view`,
  scope: 'keys:read',
  handle: async (page) => {
    const { member, call, query } = page;
    const key = await call<PresentedKey>(getKeyRoute, { params: { id: query['key'] ?? '' } });
    const [creator, changes] = await Promise.all([
      creatorOf(page, key),
      call<AuditEntries>(listAuditRoute, { query: { target: key.keyId, limit: CHANGES_SHOWN } }),
    ]);
    return { html: <KeyView member={member} shown={{ key, creator, changes }} /> };
  },
});

function RotateKey({
  member,
  shown,
  form = {},
  errors = [],
}: {
  member: Member;
  shown: PresentedKey;
  form?: Fields;
  errors?: readonly FormError[];
}): VNode {
  const base = member.base + PATH;
  const { keyId, prefix, lastUsedAt } = shown;
  return (
    <PortalLayout
      member={member}
      title={`Rotate ${nameOf(shown)}`}
      errors={errors}
      path={PATH}
      lead="The key gets a new secret, with the same rights. The previous secret keeps working while you replace it."
    >
      <Panel>
        <Facts
          facts={[
            ['Begins with', <code>{prefix}…</code>],
            ['Last used', lastUsedAt === null ? 'Never' : <RelativeTime at={new Date(lastUsedAt)} />],
          ]}
        />
        <Form action={`${base}/rotate`} hidden={{ key: keyId }}>
          <Select
            name="overlapSeconds"
            label="The previous secret keeps working"
            value={form['overlapSeconds'] ?? OVERLAPS[0].value}
            options={OVERLAPS}
            errors={errors}
          />
          <ReasonField form={form} optional errors={errors} />
          <Actions>
            <Button>Rotate the key</Button>
            <ButtonLink href={hrefOf(`${base}/view`, { key: keyId })} plain>
              Cancel
            </ButtonLink>
          </Actions>
        </Form>
      </Panel>
    </PortalLayout>
  );
}

function RotatedKey({ member, rotated }: { member: Member; rotated: PresentedKey & { apiKey: string } }): VNode {
  const previous = rotated.previous.at(-1);
  return (
    <PortalLayout member={member} title="Copy the new secret now" path={PATH}>
      <Panel>
        <p>MIR stores only a hash of the secret, so this is the only time that it can be shown.</p>
        <Secret id="api-key">{rotated.apiKey}</Secret>
        <Facts
          facts={[
            ['Key', nameOf(rotated)],
            [
              'Previous secret',
              previous ? (
                <>
                  Stops working <RelativeTime at={new Date(previous.validUntil)} />
                </>
              ) : (
                'No longer works'
              ),
            ],
          ]}
        />
        <Actions>
          <ButtonLink href={hrefOf(`${member.base}${PATH}/view`, { key: rotated.keyId })}>Open the key</ButtonLink>
        </Actions>
      </Panel>
    </PortalLayout>
  );
}

export const rotateKeyPage = memberPage({
  method: 'GET',
  path: `${PATH}/rotate`,
  scope: 'keys:manage',
  recentLogIn: true,
  handle: async ({ member, call, query }) => {
    const shown = await call<PresentedKey>(getKeyRoute, { params: { id: query['key'] ?? '' } });
    return { html: <RotateKey member={member} shown={shown} /> };
  },
});

export const rotateKey = memberPage({
  method: 'POST',
  path: `${PATH}/rotate`,
  scope: 'keys:manage',
  recentLogIn: true,
  handle: async ({ member, call, form }) => {
    const params = { id: form['key'] ?? '' };
    const overlap = OVERLAPS.find(({ value }) => value === form['overlapSeconds']) ?? OVERLAPS[0];
    const reason = (form['reason'] ?? '').trim();
    try {
      const rotated = await call<PresentedKey & { apiKey: string }>(rotateKeyRoute, {
        params,
        body: { overlapSeconds: Number(overlap.value), ...(reason && { reason }) },
      });
      return { html: <RotatedKey member={member} rotated={rotated} /> };
    } catch (error) {
      const errors = errorsOf(error, {});
      const shown = await call<PresentedKey>(getKeyRoute, { params });
      return { status: 422, html: <RotateKey member={member} shown={shown} form={form} errors={errors} /> };
    }
  },
});
