import type { VNode } from 'preact';
import { MAX_EMAIL_LENGTH, MAX_NAME_LENGTH } from '../../../http/lengths';
import { MAX_IDLE_TIMEOUT_SECONDS } from '../../../../shared/domain/agent-lifetime';
import type { FieldError } from '../../../../shared/errors';
import { getAgentRoute } from '../../../agents/get-agent';
import type { PresentedAgent } from '../../../agents/present-agent';
import { updateAgentRoute } from '../../../agents/update-agent';
import { Panel } from '../../design/app-parts';
import { ReasonField } from '../../design/confirmation';
import { Field, TextArea } from '../../design/controls';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { Columns } from '../../design/text';
import { errorsOf } from '../../http/form-errors';
import type { Fields } from '../../http/page';
import { agentHref } from './agent-tree';
import { type Member, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';

const PATH = '/agents';
const ROWS_OF_TYPES = 4;
const HOUR_SECONDS = 3_600;

/** The fields of the form, as text. */
const FIELDS = [
  'name',
  'ownerName',
  'ownerEmail',
  'expires',
  'idleHours',
  'rateLimitPerMinute',
  'allowedEventTypes',
] as const;
type FormFields = Record<(typeof FIELDS)[number], string>;

/** Returns what the form shows of an agent. */
function fieldsOf(agent: PresentedAgent): FormFields {
  const { name, owner, expiresAt, idleTimeoutSeconds, rateLimitPerMinute, allowedEventTypes } = agent;
  return {
    name,
    ownerName: owner?.name ?? '',
    ownerEmail: owner?.email ?? '',
    expires: expiresAt?.slice(0, 10) ?? '',
    idleHours: idleTimeoutSeconds === null ? '' : String(idleTimeoutSeconds / HOUR_SECONDS),
    rateLimitPerMinute: rateLimitPerMinute === null ? '' : String(rateLimitPerMinute),
    allowedEventTypes: allowedEventTypes.join('\n'),
  };
}

const numberOf = (text: string, factor = 1): number | null => (text === '' ? null : Number(text) * factor);

/** Returns the fields that differ from the agent, so that saving never changes what was not edited. */
function patchOf(agent: PresentedAgent, form: Fields): Record<string, unknown> {
  const shown = fieldsOf(agent);
  const sent = Object.fromEntries(
    FIELDS.map((field) => [field, (form[field] ?? shown[field]).replaceAll('\r\n', '\n').trim()]),
  ) as FormFields;
  const differs = (...fields: (keyof FormFields)[]): boolean => fields.some((field) => sent[field] !== shown[field]);
  const { name, ownerName, ownerEmail, expires, idleHours, rateLimitPerMinute, allowedEventTypes } = sent;
  const owner = ownerName === '' && ownerEmail === '' ? null : { name: ownerName, email: ownerEmail };
  return {
    ...(differs('name') && { name }),
    ...(differs('ownerName', 'ownerEmail') && { owner }),
    ...(differs('expires') && { expiresAt: expires === '' ? null : `${expires}T23:59:59Z` }),
    ...(differs('idleHours') && { idleTimeoutSeconds: numberOf(idleHours, HOUR_SECONDS) }),
    ...(differs('rateLimitPerMinute') && { rateLimitPerMinute: numberOf(rateLimitPerMinute) }),
    ...(differs('allowedEventTypes') && {
      allowedEventTypes: allowedEventTypes.split('\n').flatMap((line) => line.trim() || []),
    }),
  };
}

/** Returns the field of the form that an error of the API is about. */
function fieldOf({ path }: FieldError): string {
  if (path === 'owner.email') return 'ownerEmail';
  if (path.startsWith('owner')) return 'ownerName';
  if (path === 'idleTimeoutSeconds') return 'idleHours';
  if (path === 'expiresAt') return 'expires';
  return path.split('.')[0]!;
}

const MESSAGES = {
  name: 'Enter a name.',
  ownerName: 'Enter the owner’s name.',
  ownerEmail: 'Enter the owner’s email address.',
  idleHours: `Enter a number of hours up to ${MAX_IDLE_TIMEOUT_SECONDS / HOUR_SECONDS}, or nothing.`,
  rateLimitPerMinute: 'Enter a whole number of at least 1, or nothing.',
};

function ChangeForm({
  member,
  agent,
  form = fieldsOf(agent),
  errors = [],
}: {
  member: Member;
  agent: PresentedAgent;
  form?: Fields;
  errors?: FormError[];
}): VNode {
  const base = member.base + PATH;
  const text = (name: (typeof FIELDS)[number]) => ({ name, value: form[name] ?? '', errors });
  return (
    <PortalLayout
      member={member}
      title={`Change ${agent.name}`}
      errors={errors}
      path={PATH}
      lead="Restrictions apply to all agents below at once. An agent never gets more rights than those above it, and never outlives them."
    >
      <Panel>
        <Form action={`${base}/change`} hidden={{ agent: agent.agentId }}>
          <Field {...text('name')} label="Name" maxLength={MAX_NAME_LENGTH} />
          <Columns>
            <Field
              {...text('ownerName')}
              label="Owner’s name"
              hint="The person who is responsible."
              maxLength={MAX_NAME_LENGTH}
              optional
            />
            <Field
              {...text('ownerEmail')}
              label="Owner’s email address"
              hint="Where to reach them."
              type="email"
              maxLength={MAX_EMAIL_LENGTH}
              optional
            />
          </Columns>
          <Columns>
            <Field
              {...text('expires')}
              label="Last day"
              hint="In UTC. Empty for no limit of its own."
              type="date"
              optional
            />
            <Field
              {...text('idleHours')}
              label="Idle limit in hours"
              hint="Expires without a request for this long."
              inputMode="numeric"
              optional
            />
          </Columns>
          <Field
            {...text('rateLimitPerMinute')}
            label="Events and requests a minute"
            hint="Shared with all agents below. Empty for no limit of its own."
            inputMode="numeric"
            optional
          />
          <TextArea
            {...text('allowedEventTypes')}
            label="Event types"
            hint="One a line, such as mir.transaction.completed or mir.transaction.*"
            rows={ROWS_OF_TYPES}
            optional
          />
          <ReasonField form={form} errors={errors} />
          <Actions>
            <Button>Save the change</Button>
            <ButtonLink href={agentHref(base, agent.agentId)} plain>
              Cancel
            </ButtonLink>
          </Actions>
        </Form>
      </Panel>
    </PortalLayout>
  );
}

export const changeAgentPage = memberPage({
  method: 'GET',
  path: `${PATH}/change`,
  scope: 'agents:manage-all',
  handle: async ({ member, call, query }) => {
    const agent = await call<PresentedAgent>(getAgentRoute, { params: { id: query['agent'] ?? '' } });
    return { html: <ChangeForm member={member} agent={agent} /> };
  },
});

export const changeAgent = memberPage({
  method: 'POST',
  path: `${PATH}/change`,
  scope: 'agents:manage-all',
  handle: async ({ member, call, form }) => {
    const params = { id: form['agent'] ?? '' };
    const agent = await call<PresentedAgent>(getAgentRoute, { params });
    const href = agentHref(member.base + PATH, agent.agentId);
    const patch = patchOf(agent, form);
    if (Object.keys(patch).length === 0) return { redirect: href };
    try {
      await call(updateAgentRoute, { params, body: { ...patch, reason: (form['reason'] ?? '').trim() } });
      return { redirect: `${href}&done=changed` };
    } catch (error) {
      const errors = errorsOf(error, MESSAGES, { nameOf: fieldOf });
      return { status: 422, html: <ChangeForm member={member} agent={agent} form={form} errors={errors} /> };
    }
  },
});
