import type { VNode } from 'preact';
import { MAX_NAME_LENGTH } from '../../../http/lengths';
import { KEY_SCOPE_MEANINGS, KEY_SCOPES, NAMED_SCOPES } from '../../../../shared/domain/scopes';
import { createKeyRoute } from '../../../keys/create-key';
import type { PresentedKey } from '../../../keys/key-schemas';
import { ENVIRONMENT_NAMES, Panel } from '../../design/app-parts';
import { Checkbox, CheckGroup, Field, Select, TextArea } from '../../design/controls';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { Day, Facts, Secret } from '../../design/text';
import { errorsOf } from '../../http/form-errors';
import type { Fields } from '../../http/page';
import { hrefOf } from '../href';
import { nameOf } from './keys';
import { type Member, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';

const PATH = '/keys';
const DAY_MS = 24 * 3_600_000;
/** Scopes that are not offered as checked, because a key for a shop's server rarely needs them. */
const UNCHECKED = new Set<string>([...NAMED_SCOPES, 'users:erase', 'agents:manage-all', 'webhooks:manage']);
/** How long a new key can work, in days. */
const LIFETIMES = [
  { value: '', text: 'Until you revoke it' },
  { value: '30', text: '30 days' },
  { value: '90', text: '90 days' },
  { value: '365', text: '1 year' },
] as const;

const MESSAGES = { name: 'Enter a name.', scopes: 'Choose at least one thing that the key may do.' };

/** The values in a field with several lines. */
function linesOf(text: string | undefined): string[] {
  return (text ?? '')
    .split(/[\s,]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

interface FormProps {
  form: Fields;
  errors: readonly FormError[];
}

function Scopes({ member, form, errors }: FormProps & { member: Member }): VNode {
  const offered = KEY_SCOPES.filter((scope) => member.scopes.includes(scope));
  const isChecked = (scope: string): boolean =>
    errors.length > 0 ? form[`scope.${scope}`] === 'on' : !UNCHECKED.has(scope);
  return (
    <CheckGroup name="scopes" label="What it may do" errors={errors}>
      {offered.map((scope) => (
        <Checkbox
          key={scope}
          name={`scope.${scope}`}
          label={
            <>
              {KEY_SCOPE_MEANINGS[scope]} <code>{scope}</code>
            </>
          }
          checked={isChecked(scope)}
        />
      ))}
    </CheckGroup>
  );
}

/** Limits that most keys do not need. Open if one of them is set or rejected. */
function Restrictions({ form, errors }: FormProps): VNode {
  const fields = ['expiresAt', 'allowedIps', 'allowedEventTypes'];
  const isUsed = errors.some(({ field }) => fields.includes(field)) || fields.some((field) => form[field]);
  return (
    <details open={isUsed}>
      <summary>Restrict it further</summary>
      <Select name="expiresAt" label="Works" value={form['expiresAt']} options={LIFETIMES} errors={errors} />
      <TextArea
        name="allowedIps"
        label="Addresses"
        hint="IP addresses and CIDR ranges that it may be used from, one per line, such as 203.0.113.0/24. Empty: all."
        rows={3}
        value={form['allowedIps']}
        optional
        errors={errors}
      />
      <TextArea
        name="allowedEventTypes"
        label="Event types"
        hint="Event types that it may submit, one per line, such as mir.transaction.*. Empty: all."
        rows={3}
        value={form['allowedEventTypes']}
        optional
        errors={errors}
      />
    </details>
  );
}

function NewKey({
  member,
  form = {},
  errors = [],
}: {
  member: Member;
  form?: Fields;
  errors?: readonly FormError[];
}): VNode {
  return (
    <PortalLayout member={member} title="Create an API key" errors={errors} path={PATH}>
      <Panel>
        <Form action={`${member.base}${PATH}/new`}>
          <Field
            name="name"
            label="Name"
            hint="What the key is for, such as “Checkout service”."
            maxLength={MAX_NAME_LENGTH}
            value={form['name'] ?? ''}
            errors={errors}
          />
          <Scopes member={member} form={form} errors={errors} />
          <Restrictions form={form} errors={errors} />
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

/** The restrictions of a key, as facts. Null for those that it does not have. */
export function restrictionsOf({ expiresAt, allowedIps, allowedEventTypes }: PresentedKey) {
  return [
    expiresAt === null ? null : (['Expires', <Day at={new Date(expiresAt)} />] as const),
    allowedIps === null ? null : (['Only from', allowedIps.join(', ')] as const),
    allowedEventTypes === null ? null : (['Only event types', allowedEventTypes.join(', ')] as const),
  ];
}

function CreatedKey({ member, created }: { member: Member; created: PresentedKey & { apiKey: string } }): VNode {
  return (
    <PortalLayout member={member} title="Copy your key now" path={PATH}>
      <Panel>
        <p>MIR stores only a hash of the key, so this is the only time that it can be shown.</p>
        <Secret id="api-key">{created.apiKey}</Secret>
        <Facts
          facts={[
            ['Name', nameOf(created)],
            ['Environment', ENVIRONMENT_NAMES[member.env]],
            ['May do', created.scopes.join(', ')],
            ...restrictionsOf(created),
          ]}
        />
        <Actions>
          <ButtonLink href={`${member.base}/first-event`}>Send a first event</ButtonLink>
          <ButtonLink href={hrefOf(`${member.base}${PATH}/view`, { key: created.keyId })} plain>
            Open the key
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
    const lifetime = LIFETIMES.find(({ value }) => value !== '' && value === form['expiresAt']);
    const expiresAt = lifetime && new Date(Date.now() + Number(lifetime.value) * DAY_MS).toISOString();
    const [allowedIps, allowedEventTypes] = [linesOf(form['allowedIps']), linesOf(form['allowedEventTypes'])];
    const body = {
      name: (form['name'] ?? '').trim(),
      scopes: KEY_SCOPES.filter((scope) => form[`scope.${scope}`] === 'on'),
      ...(expiresAt && { expiresAt }),
      ...(allowedIps.length > 0 && { allowedIps }),
      ...(allowedEventTypes.length > 0 && { allowedEventTypes }),
    };
    try {
      const created = await call<PresentedKey & { apiKey: string }>(createKeyRoute, { body });
      return { html: <CreatedKey member={member} created={created} /> };
    } catch (error) {
      return { status: 422, html: <NewKey member={member} form={form} errors={errorsOf(error, MESSAGES)} /> };
    }
  },
});
