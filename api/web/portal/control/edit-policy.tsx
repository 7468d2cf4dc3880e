import type { VNode } from 'preact';
import { EVENT_VISIBILITIES, PRESETS, type SpawnPolicy } from '../../../../shared/domain/agent';
import { getPolicyRoute } from '../../../agents/get-policy';
import { policySchema } from '../../../agents/policy-schema';
import { putPolicyRoute } from '../../../agents/put-policy';
import { DataTable, Panel } from '../../design/app-parts';
import { ReasonField } from '../../design/confirmation';
import { Checkbox, CheckGroup, Field, Select } from '../../design/controls';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { Notice } from '../../design/text';
import { errorsOf } from '../../http/form-errors';
import type { Fields } from '../../http/page';
import { presetText } from '../agents/agent-words';
import { type Member, memberPage } from '../member-page';
import { fieldsOfPolicy, POLICY_PROBLEMS, policyOfFields } from './policy-input';
import {
  changesBetween,
  LABELS,
  MEANINGS,
  revisionOf,
  type RuleChange,
  type RuleName,
  VISIBILITY_WORDS,
} from './policy-rules';
import { PortalLayout } from '../portal-layout';

const PATH = '/policy';

interface FormProps {
  form: Fields;
  errors: readonly FormError[];
}

function NumberField({ name, optional, form, errors }: { name: RuleName; optional?: true } & FormProps): VNode {
  return (
    <Field
      name={name}
      label={LABELS[name]}
      hint={optional ? `${MEANINGS[name]} Leave empty for none.` : MEANINGS[name]}
      inputMode="numeric"
      autocomplete="off"
      class="short"
      maxLength={12}
      {...(optional && { optional })}
      value={form[name] ?? ''}
      errors={errors}
    />
  );
}

/** A field of the table of lifetimes. Its column and row name it. */
function TimeCell({ name, label, form, errors }: { name: string; label: string } & FormProps): VNode {
  const hasError = errors.some(({ field }) => field === name);
  return (
    <input
      type="text"
      id={name}
      name={name}
      aria-label={label}
      placeholder="No limit"
      autocomplete="off"
      maxLength={20}
      value={form[name] ?? ''}
      {...(hasError && { 'aria-invalid': true })}
    />
  );
}

function TimeFields(props: FormProps): VNode {
  return (
    <DataTable
      caption="Lifetimes by preset"
      columns={[{ text: 'Preset' }, { text: 'Longest lifetime' }, { text: 'Longest idle time' }]}
      rows={PRESETS.map((preset) => ({
        key: preset,
        cells: [
          <span>
            {preset}
            <span class="sub block">{presetText(preset)}</span>
          </span>,
          <TimeCell name={`maxLifetimeSeconds.${preset}`} label={`Longest lifetime of ${preset}`} {...props} />,
          <TimeCell name={`maxIdleSeconds.${preset}`} label={`Longest idle time of ${preset}`} {...props} />,
        ],
      }))}
    />
  );
}

function PolicyFields(props: FormProps): VNode {
  const { form, errors } = props;
  return (
    <>
      <Panel title="Creating agents">
        <Checkbox
          name="spawnEnabled"
          label={LABELS.spawnEnabled}
          hint={MEANINGS.spawnEnabled}
          checked={form['spawnEnabled'] === 'on'}
        />
        <div class="pairs">
          <NumberField name="maxSpawnDepth" {...props} />
          <NumberField name="maxSpawnsPerMinute" {...props} />
          <NumberField name="maxChildrenPerAgent" {...props} />
          <NumberField name="maxAgentsPerRoot" {...props} />
        </div>
      </Panel>
      <Panel title="A second person approves">
        <CheckGroup name="approval.presets" label="New agents with these presets" hint={MEANINGS['approval.presets']}>
          {PRESETS.map((preset) => (
            <Checkbox
              key={preset}
              name={`approval.presets.${preset}`}
              label={preset}
              hint={presetText(preset)}
              checked={form[`approval.presets.${preset}`] === 'on'}
            />
          ))}
        </CheckGroup>
        <div class="pairs">
          <NumberField name="approval.fromDepth" optional {...props} />
          <NumberField name="approval.fromAgentsPerRoot" optional {...props} />
          <Field
            name="approval.expiresInSeconds"
            label={LABELS['approval.expiresInSeconds']}
            hint={`${MEANINGS['approval.expiresInSeconds']} Such as 7 days or 12 hours.`}
            class="short"
            maxLength={20}
            value={form['approval.expiresInSeconds'] ?? ''}
            errors={errors}
          />
        </div>
      </Panel>
      <Panel title="Every agent">
        <Checkbox
          name="ownerRequired"
          label={LABELS.ownerRequired}
          hint={MEANINGS.ownerRequired}
          checked={form['ownerRequired'] === 'on'}
        />
        <Select
          name="agentEventVisibility"
          label={LABELS.agentEventVisibility}
          hint={MEANINGS.agentEventVisibility}
          value={form['agentEventVisibility']}
          options={EVENT_VISIBILITIES.map((value) => ({ value, text: VISIBILITY_WORDS[value] }))}
          errors={errors}
        />
      </Panel>
      <Panel title="Lifetimes" flush>
        <p class="note">
          {MEANINGS.maxLifetimeSeconds} {MEANINGS.maxIdleSeconds} Enter times such as 90 days or 12 hours.
        </p>
        <TimeFields {...props} />
      </Panel>
    </>
  );
}

/** Says what changed while the member filled in the form. */
function Conflict({ changes }: { changes: readonly RuleChange[] }): VNode {
  return (
    <Notice kind="warn" title="The policy was changed in the meantime">
      <p>Nothing is saved yet. The form below contains what you entered. These rules differ from the policy now:</p>
      <ul>
        {changes.map(({ name, label, from, to }) => (
          <li key={name}>
            {label}: now {from}, you entered {to}
          </li>
        ))}
      </ul>
      <p>Check them. If you save again, your version replaces the policy.</p>
    </Notice>
  );
}

function EditPolicy({
  member,
  revision,
  form,
  errors = [],
  conflict,
}: {
  member: Member;
  revision: string;
  form: Fields;
  errors?: readonly FormError[];
  conflict?: readonly RuleChange[];
}): VNode {
  return (
    <PortalLayout
      member={member}
      title="Change the policy"
      errors={errors}
      path={PATH}
      lead="Stricter rules apply to new agents, approvals and later changes. Agents that exist already do not change."
    >
      {conflict && <Conflict changes={conflict} />}
      <Form action={`${member.base}${PATH}/edit`} hidden={{ revision }}>
        <PolicyFields form={form} errors={errors} />
        <Panel>
          <ReasonField form={form} optional errors={errors} />
          <Actions>
            <Button>Save the policy</Button>
            <ButtonLink href={member.base + PATH} plain>
              Cancel
            </ButtonLink>
          </Actions>
        </Panel>
      </Form>
    </PortalLayout>
  );
}

export const editPolicyPage = memberPage({
  method: 'GET',
  path: `${PATH}/edit`,
  scope: 'agents:manage-all',
  recentLogIn: true,
  handle: async ({ member, call }) => {
    const policy = await call<SpawnPolicy>(getPolicyRoute);
    return { html: <EditPolicy member={member} revision={revisionOf(policy)} form={fieldsOfPolicy(policy)} /> };
  },
});

const nameOf = ({ path }: { path: string }): string => path.replace(/^(approval\.presets)\..*/, '$1');

export const editPolicy = memberPage({
  method: 'POST',
  path: `${PATH}/edit`,
  scope: 'agents:manage-all',
  recentLogIn: true,
  handle: async ({ member, call, form }) => {
    const now = await call<SpawnPolicy>(getPolicyRoute);
    const revision = revisionOf(now);
    const { reason, ...rules } = policyOfFields(form);
    const entered = policySchema.safeParse(rules);
    // Forms of this page contain the revision. Problems of the form come first, because it must be fixed anyway.
    if (entered.success && form['revision'] !== undefined && form['revision'] !== revision) {
      const conflict = changesBetween(now, entered.data);
      return { status: 409, html: <EditPolicy member={member} revision={revision} form={form} conflict={conflict} /> };
    }
    try {
      await call(putPolicyRoute, { body: { ...rules, ...(reason !== undefined && { reason }) } });
      return { redirect: `${member.base}${PATH}?done=saved` };
    } catch (error) {
      const errors = errorsOf(error, POLICY_PROBLEMS, { nameOf });
      const loaded = form['revision'] ?? revision;
      return { status: 422, html: <EditPolicy member={member} revision={loaded} form={form} errors={errors} /> };
    }
  },
});
