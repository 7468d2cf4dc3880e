import { randomUUID } from 'node:crypto';
import { MAX_EMAIL_LENGTH, MAX_NAME_LENGTH } from '../../../http/lengths';
import type { VNode } from 'preact';
import { AGENT_TYPES, type Preset, PRESETS, type SpawnPolicy } from '../../../../shared/domain/agent';
import { getPolicyRoute } from '../../../agents/get-policy';
import type { PresentedAgent } from '../../../agents/present-agent';
import { PublicError } from '../../../http/public-error';
import { registerAgentRoute } from '../../../agents/register-agent';
import { Panel } from '../../design/app-parts';
import { Choices, Field, Select, TextArea } from '../../design/controls';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { Facts, Secret } from '../../design/text';
import { errorsOf } from '../../http/form-errors';
import type { Fields } from '../../http/page';
import { presetText, TYPE_WORDS } from './agent-words';
import { durationText, readDuration } from '../duration';
import { type Member, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';

const PATH = '/agents';
const DEFAULT_PRESET: Preset = 'STANDARD';

const PROBLEMS: Record<string, string> = {
  name: 'Enter a name.',
  rateLimitPerMinute: 'Enter a whole number, or leave the limit empty.',
};

const OWNER_PROBLEMS: Record<string, string> = {
  'owner.name': 'Enter the owner’s name.',
  'owner.email': 'Enter the owner’s email address.',
};

/** Someone who goes back in the browser may want to correct the agent, or register another one. */
const ANOTHER: FormError = {
  field: '',
  message: 'An agent was registered with this form before. To register this one, too, submit the form again.',
};

type Registered = PresentedAgent & { apiKey?: string; approvalId?: string };

/** What the policy requires of new agents. */
function Requirements({ policy, base }: { policy: SpawnPolicy; base: string }): VNode {
  const { maxLifetimeSeconds, maxIdleSeconds, approval, ownerRequired } = policy;
  const limitsOf = (times: SpawnPolicy['maxLifetimeSeconds']): string => {
    const limits = PRESETS.flatMap((preset) =>
      times[preset] === undefined ? [] : [`${preset} ${durationText(times[preset])}`],
    );
    return limits.join(', ') || 'No limit';
  };
  return (
    <Panel title="Your policy" action={<a href={`${base}/policy`}>Open the policy</a>}>
      <Facts
        facts={[
          ['Owner', ownerRequired ? 'Required' : 'Optional'],
          ['Longest lifetime', limitsOf(maxLifetimeSeconds)],
          ['Longest idle time', limitsOf(maxIdleSeconds)],
          ['Needs a second person', approval.presets.join(', ') || 'No preset'],
        ]}
      />
      <p class="sub">If you name no lifetime or idle time, the agent gets the longest one of its preset.</p>
    </Panel>
  );
}

function PresetChoice({ preset }: { preset: Preset }): VNode {
  return (
    <>
      {preset}
      <span class="sub block">
        {presetText(preset)}
        {preset === 'ADMIN' && '. For service accounts only.'}
      </span>
    </>
  );
}

function NewAgent({
  member,
  policy,
  form,
  errors = [],
}: {
  member: Member;
  policy: SpawnPolicy;
  form: Fields;
  errors?: readonly FormError[];
}): VNode {
  const fieldOf = (name: string) => ({ name, value: form[name] ?? '', errors });
  return (
    <PortalLayout
      member={member}
      title="Register an agent"
      errors={errors}
      path={PATH}
      lead="It gets a key of its own. Agents below it are created by your code, with the agent’s key."
    >
      <div class="split">
        <Panel>
          <Form action={`${member.base}${PATH}/new`} hidden={{ submission: form['submission'] ?? randomUUID() }}>
            <Field
              {...fieldOf('name')}
              label="Name"
              hint="What it does, such as “Orders bot”. You type it to stop the agent."
              maxLength={MAX_NAME_LENGTH}
            />
            <Select
              {...fieldOf('type')}
              label="Type"
              hint="AI agents need an idempotency key for each write and an explicit list of event types."
              options={AGENT_TYPES.map((value) => ({ value, text: TYPE_WORDS[value] }))}
            />
            <Choices
              {...fieldOf('preset')}
              label="What it may do"
              options={PRESETS.map((value) => ({ value, text: <PresetChoice preset={value} /> }))}
            />
            <TextArea
              {...fieldOf('allowedEventTypes')}
              label="Event types that it may submit"
              hint="One on each line: exact types, or a category such as mir.transaction.*"
              rows={3}
              optional
            />
            <div class="pairs">
              <Field
                {...fieldOf('expiresInSeconds')}
                label="Lifetime"
                hint="Such as 90 days. Afterwards its key stops working."
                optional
                maxLength={20}
              />
              <Field
                {...fieldOf('idleTimeoutSeconds')}
                label="Idle time"
                hint="Such as 7 days. It expires if it isn’t used for this long."
                optional
                maxLength={20}
              />
              <Field
                {...fieldOf('owner.name')}
                label="Owner"
                hint="The person who is responsible for it."
                optional
                maxLength={MAX_NAME_LENGTH}
              />
              <Field
                {...fieldOf('owner.email')}
                label="Owner’s email address"
                hint="Agents below it inherit the owner."
                type="email"
                optional
                maxLength={MAX_EMAIL_LENGTH}
              />
            </div>
            <Field
              {...fieldOf('rateLimitPerMinute')}
              label="Requests and events per minute"
              hint="Shared with all agents below it. Leave empty for no limit of its own."
              inputMode="numeric"
              class="short"
              optional
              maxLength={10}
            />
            <Actions>
              <Button>Register the agent</Button>
              <ButtonLink href={member.base + PATH} plain>
                Cancel
              </ButtonLink>
            </Actions>
          </Form>
        </Panel>
        <Requirements policy={policy} base={member.base} />
      </div>
    </PortalLayout>
  );
}

export const newAgentPage = memberPage({
  method: 'GET',
  path: `${PATH}/new`,
  scope: 'agents:manage-all',
  handle: async ({ member, call }) => {
    const policy = await call<SpawnPolicy>(getPolicyRoute);
    const form = { type: 'AI_AGENT', preset: DEFAULT_PRESET };
    return { html: <NewAgent member={member} policy={policy} form={form} /> };
  },
});

/** Returns the request that the form describes. Texts that are no number or time stay as they are. */
function requestOf(form: Fields): Record<string, unknown> {
  const textOf = (name: string): string => (form[name] ?? '').trim();
  const ifAny = (name: string, read: (text: string) => unknown): Record<string, unknown> =>
    textOf(name) === '' ? {} : { [name]: read(textOf(name)) };
  const time = (text: string): unknown => readDuration(text) ?? text;
  const owner = { name: textOf('owner.name'), email: textOf('owner.email') };
  return {
    name: textOf('name'),
    type: form['type'],
    preset: form['preset'],
    allowedEventTypes: textOf('allowedEventTypes')
      .split(/[\s,]+/)
      .filter(Boolean),
    ...ifAny('rateLimitPerMinute', (text) => (/^\d{1,10}$/.test(text) ? Number(text) : text)),
    ...ifAny('expiresInSeconds', time),
    ...ifAny('idleTimeoutSeconds', time),
    ...(owner.name + owner.email === '' ? {} : { owner }),
  };
}

const TIME_FIELDS: Record<string, string> = {
  expiresInSeconds: 'Enter a lifetime such as 90 days or 12 hours.',
  idleTimeoutSeconds: 'Enter an idle time of at least 1 minute, such as 7 days.',
};

/** Returns the name of the field that an error is about. */
function nameOf({ path }: { path: string }): string {
  if (path.startsWith('allowedEventTypes')) return 'allowedEventTypes';
  if (path === 'expiresAt') return 'expiresInSeconds';
  return path === 'owner' ? 'owner.name' : path;
}

/** Returns our words for what a form can get wrong. What only the policy forbids keeps the message of the route. */
function messagesFor(body: Record<string, unknown>): Record<string, string> {
  const unread = Object.entries(TIME_FIELDS).filter(([name]) => typeof body[name] === 'string');
  return { ...PROBLEMS, ...(body['owner'] !== undefined && OWNER_PROBLEMS), ...Object.fromEntries(unread) };
}

function titleOf({ name, apiKey, approvalId }: Registered): string {
  if (apiKey !== undefined) return 'Copy the agent’s key now';
  return approvalId === undefined ? `${name} is registered` : `${name} awaits approval`;
}

function Registered({ member, agent }: { member: Member; agent: Registered }): VNode {
  const { base } = member;
  return (
    <PortalLayout member={member} title={titleOf(agent)} path={PATH}>
      <Panel>
        {agent.apiKey === undefined ? (
          <p>
            {agent.approvalId === undefined
              ? 'This form was submitted before. Its agent is registered, and its key was shown then. If you did not copy it, replace it on the agent’s page.'
              : 'Your policy requires a second person for this preset. The agent gets its key when that person approves it.'}
          </p>
        ) : (
          <>
            <p>MIR stores only a hash of the key, so this is the only time that it can be shown.</p>
            <Secret id="api-key">{agent.apiKey}</Secret>
          </>
        )}
        <Facts
          facts={[
            ['Name', <bdi>{agent.name}</bdi>],
            ['May', presetText(agent.preset)],
            ['Event types', agent.allowedEventTypes.join(', ') || 'None'],
            ['Expires', agent.expiresAt === null ? 'Never' : `${agent.expiresAt.slice(0, 16).replace('T', ' ')} UTC`],
          ]}
        />
        <Actions>
          {agent.approvalId === undefined ? (
            <ButtonLink href={`${base}${PATH}/view?agent=${agent.agentId}`}>Open the agent</ButtonLink>
          ) : (
            <ButtonLink href={`${base}/approvals/view?approval=${agent.approvalId}`}>See who can approve it</ButtonLink>
          )}
          <ButtonLink href={base + PATH} plain>
            All agents
          </ButtonLink>
        </Actions>
      </Panel>
    </PortalLayout>
  );
}

export const registerAgent = memberPage({
  method: 'POST',
  path: `${PATH}/new`,
  scope: 'agents:manage-all',
  handle: async ({ member, call, form }) => {
    const body = requestOf(form);
    try {
      const agent = await call<Registered>(registerAgentRoute, { body, idempotencyKey: form['submission'] });
      return { html: <Registered member={member} agent={agent} /> };
    } catch (error) {
      const isAnother = error instanceof PublicError && error.code === 'IDEMPOTENCY_KEY_REUSED';
      const errors = isAnother ? [ANOTHER] : errorsOf(error, messagesFor(body), { nameOf });
      const policy = await call<SpawnPolicy>(getPolicyRoute);
      const shown = isAnother ? { ...form, submission: undefined } : form;
      return { status: 422, html: <NewAgent member={member} policy={policy} form={shown} errors={errors} /> };
    }
  },
});
