import type { VNode } from 'preact';
import { KEY_SCOPE_MEANINGS, KEY_SCOPES, NAMED_SCOPES } from '../../../shared/domain/scopes';
import { MirError } from '../../../shared/errors';
import { createKeyRoute } from '../../keys/create-key';
import type { PresentedKey } from '../../keys/key-schemas';
import { listKeysRoute } from '../../keys/list-keys';
import { revokeKeyRoute } from '../../keys/revoke-key';
import { DataTable, Empty, Panel, RelativeTime } from '../design/app-parts';
import { Actions, Button, ButtonLink, ErrorSummary, Field, Form, type FormError, titleWith } from '../design/form';
import { Facts, Notice } from '../design/text';
import type { Fields } from '../http/page';
import { errorsOf } from '../http/form-errors';
import { type Member, memberPage } from './member-page';
import { PortalLayout } from './portal-layout';

const PATH = '/keys';
const MAX_NAME_LENGTH = 120;
/** Scopes that are not offered as checked, because a key for a shop's server rarely needs them. */
const UNCHECKED = new Set<string>([...NAMED_SCOPES, 'users:erase', 'agents:manage-all', 'webhooks:manage']);

type Keys = readonly PresentedKey[];

function nameOf({ name, prefix }: Pick<PresentedKey, 'name' | 'prefix'>): string {
  return name ?? prefix;
}

function KeyList({ member, keys, done }: { member: Member; keys: Keys; done: boolean }): VNode {
  const mayManage = member.scopes.includes('keys:manage');
  return (
    <PortalLayout
      member={member}
      title="API keys"
      path={PATH}
      lead="Your code presents a key with each request. A key works in one environment."
      action={mayManage && <ButtonLink href={`${member.base}/keys/new`}>Create an API key</ButtonLink>}
    >
      {done && (
        <Notice>
          <p>The key is revoked. Requests with it are rejected.</p>
        </Notice>
      )}
      <Panel flush>
        {keys.length === 0 ? (
          <Empty title="No API keys in this environment">
            <p>{mayManage ? 'Create one for your code.' : 'Ask a developer or administrator to create one.'}</p>
          </Empty>
        ) : (
          <DataTable
            caption="API keys"
            columns={[
              { text: 'Name' },
              { text: 'Begins with' },
              { text: 'Created' },
              { text: 'Last used' },
              { text: 'Expires' },
              ...(mayManage ? [{ text: 'Action' }] : []),
            ]}
            rows={keys.map((key) => ({
              key: key.keyId,
              cells: [
                nameOf(key),
                <code>{key.prefix}…</code>,
                <RelativeTime at={new Date(key.createdAt)} />,
                key.lastUsedAt === null ? 'Never' : <RelativeTime at={new Date(key.lastUsedAt)} />,
                key.expiresAt === null ? 'Never' : <RelativeTime at={new Date(key.expiresAt)} />,
                ...(mayManage
                  ? [
                      <a href={`${member.base}/keys/revoke?key=${key.keyId}`} aria-label={`Revoke ${nameOf(key)}`}>
                        Revoke
                      </a>,
                    ]
                  : []),
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
    return { html: <KeyList member={member} keys={data} done={query['done'] === 'revoked'} /> };
  },
});

function NewKey({ member, form = {}, errors = [] }: { member: Member; form?: Fields; errors?: FormError[] }): VNode {
  const offered = KEY_SCOPES.filter((scope) => member.scopes.includes(scope));
  const isChecked = (scope: string): boolean =>
    errors.length > 0 ? form[`scope.${scope}`] === 'on' : !UNCHECKED.has(scope);
  return (
    <PortalLayout member={member} title={titleWith(errors, 'Create an API key')} path={PATH}>
      <ErrorSummary errors={errors} />
      <Panel>
        <Form action={`${member.base}/keys/new`}>
          <Field
            name="name"
            label="Name"
            hint="What the key is for, such as “Checkout service”."
            maxLength={MAX_NAME_LENGTH}
            value={form['name'] ?? ''}
            errors={errors}
          />
          <fieldset class="checks" id="scopes">
            <legend>What it may do</legend>
            {offered.map((scope) => (
              <div key={scope} class="check">
                <input
                  type="checkbox"
                  id={`scope.${scope}`}
                  name={`scope.${scope}`}
                  defaultChecked={isChecked(scope)}
                  checked={isChecked(scope)}
                />
                <label for={`scope.${scope}`}>
                  {KEY_SCOPE_MEANINGS[scope]} <code>{scope}</code>
                </label>
              </div>
            ))}
          </fieldset>
          <Actions>
            <Button>Create the key</Button>
            <ButtonLink href={member.base + PATH} plain>
              Cancel
            </ButtonLink>
          </Actions>
        </Form>
      </Panel>
    </PortalLayout>
  );
}

function CreatedKey({ member, created }: { member: Member; created: PresentedKey & { apiKey: string } }): VNode {
  return (
    <PortalLayout member={member} title="Copy your key now" path={PATH}>
      <Panel>
        <p>MIR stores only a hash of the key, so this is the only time that it can be shown.</p>
        <code class="secret" id="api-key">
          {created.apiKey}
        </code>
        <Facts
          facts={[
            ['Name', nameOf(created)],
            ['Environment', member.env === 'live' ? 'Live' : 'Test'],
            ['May do', created.scopes.join(', ')],
          ]}
        />
        <Actions>
          <ButtonLink href={`${member.base}/first-event`}>Send a first event</ButtonLink>
          <ButtonLink href={member.base + PATH} plain>
            All keys
          </ButtonLink>
        </Actions>
      </Panel>
    </PortalLayout>
  );
}

export const newKeyPage = memberPage({
  method: 'GET',
  path: `${PATH}/new`,
  scope: 'keys:manage',
  recentLogIn: true,
  handle: ({ member }) => ({ html: <NewKey member={member} /> }),
});

export const createKeyPage = memberPage({
  method: 'POST',
  path: `${PATH}/new`,
  scope: 'keys:manage',
  recentLogIn: true,
  handle: async ({ member, call, form }) => {
    const scopes = KEY_SCOPES.filter((scope) => form[`scope.${scope}`] === 'on');
    try {
      const body = { name: (form['name'] ?? '').trim(), scopes };
      const created = await call<PresentedKey & { apiKey: string }>(createKeyRoute, { body });
      return { html: <CreatedKey member={member} created={created} /> };
    } catch (error) {
      const errors = errorsOf(error, {
        name: 'Enter a name.',
        scopes: 'Choose at least one thing that the key may do.',
      });
      return { status: 422, html: <NewKey member={member} form={form} errors={errors} /> };
    }
  },
});

async function keyNamed(keys: Keys, keyId: string | undefined): Promise<PresentedKey> {
  const found = keys.find((key) => key.keyId === keyId);
  if (!found) throw new MirError('NOT_FOUND', 'the key does not exist in this environment');
  return found;
}

function RevokeKey({
  member,
  shown,
  errors = [],
}: {
  member: Member;
  shown: PresentedKey;
  errors?: FormError[];
}): VNode {
  return (
    <PortalLayout member={member} title={titleWith(errors, `Revoke ${nameOf(shown)}`)} path={PATH}>
      <ErrorSummary errors={errors} />
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
          <Field name="reason" label="Reason" hint="For the audit log." optional maxLength={200} errors={errors} />
          <Actions>
            <Button kind="danger">Revoke the key</Button>
            <ButtonLink href={member.base + PATH} plain>
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
    const { data } = await call<{ data: Keys }>(listKeysRoute);
    return { html: <RevokeKey member={member} shown={await keyNamed(data, query['key'])} /> };
  },
});

export const revokeKey = memberPage({
  method: 'POST',
  path: `${PATH}/revoke`,
  scope: 'keys:manage',
  handle: async ({ member, call, form }) => {
    const reason = (form['reason'] ?? '').trim();
    await call(revokeKeyRoute, { params: { id: form['key'] ?? '' }, body: reason === '' ? {} : { reason } });
    return { redirect: `${member.base}${PATH}?done=revoked` };
  },
});
