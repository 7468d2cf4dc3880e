import type { VNode } from 'preact';
import { DEFAULT_POLICY, PRESETS, type SpawnPolicy } from '../../../../shared/domain/agent';
import { getPolicyRoute } from '../../../agents/get-policy';
import { policySchema } from '../../../agents/policy-schema';
import { listAuditRoute } from '../../../audit/list-audit';
import type { PresentedEntry } from '../../../audit/present-entry';
import { DataTable, Empty, Panel, RelativeTime } from '../../design/app-parts';
import { ButtonLink } from '../../design/form';
import { presetText } from '../agents/agent-words';
import { type Member, memberPage } from '../member-page';
import { changesBetween, MEANINGS, type PolicyRule, rulesOf } from './policy-rules';
import { PortalLayout } from '../portal-layout';

const PATH = '/policy';
/** Latest changes below the policy. */
const SHOWN_CHANGES = 5;

function RuleTable({ caption, rules }: { caption: string; rules: readonly PolicyRule[] }): VNode {
  return (
    <div class="rules">
      <DataTable
        caption={caption}
        columns={[{ text: 'Rule' }, { text: 'Now' }, { text: 'What it means' }]}
        rows={rules.map(({ name, label, value, meaning }) => ({
          key: name,
          cells: [label, <strong>{value}</strong>, <span class="sub">{meaning}</span>],
        }))}
      />
    </div>
  );
}

function TimeTable({ rules }: { rules: readonly PolicyRule[] }): VNode {
  const valueOf = (name: string): string => rules.find((one) => one.name === name)?.value ?? '';
  return (
    <div class="times">
      <DataTable
        caption="Lifetimes by preset"
        columns={[{ text: 'Preset' }, { text: 'Longest lifetime' }, { text: 'Longest idle time' }, { text: 'May' }]}
        rows={PRESETS.map((preset) => ({
          key: preset,
          cells: [
            preset,
            valueOf(`maxLifetimeSeconds.${preset}`),
            valueOf(`maxIdleSeconds.${preset}`),
            <span class="sub">{presetText(preset)}</span>,
          ],
        }))}
      />
    </div>
  );
}

/** Returns a policy from the audit log. Entries of earlier versions do not contain all rules. */
function auditedPolicy(value: unknown): SpawnPolicy {
  const parsed = policySchema.safeParse(value);
  return parsed.success ? parsed.data : DEFAULT_POLICY;
}

function Changes({ entries }: { entries: readonly PresentedEntry[] }): VNode {
  return (
    <Panel title="Latest changes" flush>
      {entries.length === 0 ? (
        <Empty title="Never changed">
          <p>These are the rules that every environment begins with.</p>
        </Empty>
      ) : (
        <DataTable
          caption="Latest changes"
          columns={[{ text: 'What changed' }, { text: 'By' }, { text: 'Reason' }, { text: 'When' }]}
          rows={entries.map(({ auditId, before, after, actor, reason, at }) => ({
            key: auditId,
            cells: [
              changesBetween(auditedPolicy(before), auditedPolicy(after)).map(({ name, label, from, to }) => (
                <span key={name} class="block">
                  {label}: {from} → {to}
                </span>
              )),
              <bdi>{actor.kind === 'MEMBER' ? actor.name : 'An API key'}</bdi>,
              reason ?? 'None',
              <RelativeTime at={new Date(at)} />,
            ],
          }))}
        />
      )}
    </Panel>
  );
}

function Policy({
  member,
  policy,
  entries,
  isSaved,
}: {
  member: Member;
  policy: SpawnPolicy;
  entries: readonly PresentedEntry[];
  isSaved: boolean;
}): VNode {
  const { creating, every, approval, times } = rulesOf(policy);
  const mayChange = member.scopes.includes('agents:manage-all') && member.plan === 'ENTERPRISE';
  return (
    <PortalLayout
      member={member}
      done={isSaved ? 'The policy is saved. It applies to every spawn and approval from now on.' : undefined}
      title="Policy"
      path={PATH}
      lead="Rules for all agents in this environment. Stricter rules apply to new agents, approvals and later changes, not to agents that exist already."
      action={mayChange && <ButtonLink href={`${member.base}${PATH}/edit`}>Change the policy</ButtonLink>}
    >
      {!policy.spawnEnabled && <p class="caution">Agents cannot create agents here. Registering agents works.</p>}
      <Panel title="Creating agents" flush>
        <RuleTable caption="Creating agents" rules={creating} />
      </Panel>
      <Panel title="A second person approves" flush>
        <RuleTable caption="A second person approves" rules={approval} />
      </Panel>
      <Panel title="Every agent" flush>
        <RuleTable caption="Every agent" rules={every} />
      </Panel>
      <Panel title="Lifetimes" flush>
        <p class="note">
          {MEANINGS.maxLifetimeSeconds} {MEANINGS.maxIdleSeconds}
        </p>
        <TimeTable rules={times} />
      </Panel>
      <Changes entries={entries} />
      <p>
        The <a href="/guide#agents">guide</a> explains each rule, and shows how your code changes the policy.
      </p>
    </PortalLayout>
  );
}

export const policyPage = memberPage({
  method: 'GET',
  path: PATH,
  scope: 'agents:read',
  handle: async ({ member, call, query }) => {
    const [policy, { data }] = await Promise.all([
      call<SpawnPolicy>(getPolicyRoute),
      call<{ data: PresentedEntry[] }>(listAuditRoute, {
        query: { action: 'agent.policy.changed', limit: String(SHOWN_CHANGES) },
      }),
    ]);
    return { html: <Policy member={member} policy={policy} entries={data} isSaved={query['done'] === 'saved'} /> };
  },
});
