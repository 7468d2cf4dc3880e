import type { ComponentChildren, VNode } from 'preact';
import type { z } from 'zod';
import { AI_MAX_EVENTS_PER_BATCH, AI_MAX_USERS_PER_RESOLVE, type SpawnPolicy } from '../../../../shared/domain/agent';
import { ROLE_SCOPES } from '../../../../shared/domain/roles';
import { getCascadeRoute } from '../../../agents/get-cascade';
import { getPolicyRoute } from '../../../agents/get-policy';
import type { PresentedCascade } from '../../../agents/present-cascade';
import { listAuditRoute } from '../../../audit/list-audit';
import type { PresentedEntry } from '../../../audit/present-entry';
import type { PresentedMember } from '../../../members/member-schemas';
import { getOwnPartnerRoute } from '../../../partners/get-own-partner';
import type { partnerSchema } from '../../../partners/present-partner';
import { countOf, countText } from '../../design/count-text';
import { Panel, RelativeTime } from '../../design/app-parts';
import { Facts } from '../../design/text';
import { type Member, type MemberCall, memberPage } from '../member-page';
import { membersOf } from '../names';
import { rulesOf } from './policy-rules';
import { PortalLayout } from '../portal-layout';
import { type Receiver, receiversOf } from './receivers';

const PATH = '/guardrails';
/** Names of members in a sentence. */
const MAX_SHOWN_MEMBERS = 5;

type Limits = z.infer<typeof partnerSchema>['limits'];

interface Guardrails {
  policy: SpawnPolicy;
  limits: Limits;
  receivers: readonly Receiver[];
  members: readonly PresentedMember[];
  /** The latest kill. Null if there was none. */
  lastKill: PresentedCascade | null;
}

async function lastKillOf({ call }: MemberCall): Promise<PresentedCascade | null> {
  const { data } = await call<{ data: PresentedEntry[] }>(listAuditRoute, {
    query: { action: 'agent.subtree.killed', limit: '1' },
  });
  const { cascadeId: id } = Object(data[0]?.after) as { cascadeId?: unknown };
  return typeof id === 'string' ? call<PresentedCascade>(getCascadeRoute, { params: { id } }) : null;
}

async function guardrailsOf(page: MemberCall): Promise<Guardrails> {
  const { call } = page;
  const [policy, { limits }, receivers, members, lastKill] = await Promise.all([
    call<SpawnPolicy>(getPolicyRoute),
    call<{ limits: Limits }>(getOwnPartnerRoute),
    receiversOf(page),
    membersOf(page),
    lastKillOf(page),
  ]);
  return { policy, limits, receivers, members, lastKill };
}

type Fact = readonly [string, ComponentChildren] | null;

/** One kind of guardrails, and where they are changed or explained. */
function Kind({ title, facts, link }: { title: string; facts: readonly Fact[]; link: VNode }): VNode {
  return (
    <Panel title={title} action={link}>
      <Facts facts={facts} />
    </Panel>
  );
}

/** Returns the names of members, of whom a sentence shows only the first ones. */
function nameList(members: readonly PresentedMember[]): string {
  const names = members.slice(0, MAX_SHOWN_MEMBERS).map(({ name }) => name);
  const rest = members.length - names.length;
  return rest > 0 ? `${names.join(', ')} and ${rest} more` : names.join(', ');
}

function Creation({ policy, link }: { policy: SpawnPolicy; link: VNode }): VNode {
  const { spawnEnabled, maxSpawnDepth, maxChildrenPerAgent, maxAgentsPerRoot, maxSpawnsPerMinute } = policy;
  return (
    <Kind
      title="Creating agents"
      link={link}
      facts={[
        [
          'Agents create agents',
          spawnEnabled ? 'Allowed, within the limits below' : 'Not allowed. Only you register agents.',
        ],
        ...(spawnEnabled
          ? ([
              ['Depth', `At most level ${maxSpawnDepth} below a registered agent`],
              [
                'Number',
                `${countText(maxChildrenPerAgent)} directly below one agent, ${countText(maxAgentsPerRoot)} in a tree`,
              ],
              ['Speed', `${countText(maxSpawnsPerMinute)} new agents per tree and minute`],
            ] as const)
          : []),
        ['Rights', 'Never more than those of the agents above: preset, event types, rate and lifetime'],
      ]}
    />
  );
}

function Lifetime({ policy, link }: { policy: SpawnPolicy; link: VNode }): VNode {
  const set = rulesOf(policy).times.filter(({ value }) => value !== 'No limit');
  return (
    <Kind
      title="Lifetime and owner"
      link={link}
      facts={[
        ...(set.length === 0
          ? ([['Lifetime', 'Not limited. Agents live until you stop them, unless they name a lifetime.']] as const)
          : set.map(({ label, value }) => [label, value] as const)),
        ['Children', 'Never outlive the agents above them'],
        ['Owner', policy.ownerRequired ? 'Required for each agent' : 'Optional'],
      ]}
    />
  );
}

function Approval({
  member,
  policy,
  members,
  link,
}: { member: Member; link: VNode } & Pick<Guardrails, 'policy' | 'members'>): VNode {
  const rules = rulesOf(policy).approval.filter(({ name }) => name !== 'approval.expiresInSeconds');
  const inForce = rules.filter(({ value }) => !value.startsWith('No'));
  const approvers = members.filter(({ role }) => ROLE_SCOPES[role].includes('agents:approve'));
  return (
    <Kind
      title="A second person"
      link={link}
      facts={[
        ...(inForce.length === 0
          ? ([['Needs approval', 'No agent. Set it in the policy.']] as const)
          : inForce.map(({ label, value }) => [label, value] as const)),
        [
          'Can approve',
          approvers.length === 0 ? 'No member. Keys with the scope agents:approve can.' : nameList(approvers),
        ],
        ['Not', 'The member or key that asked for the agent'],
        member.pendingApprovals > 0
          ? ['Waiting now', <a href={`${member.base}/approvals`}>{countOf(member.pendingApprovals, 'agent')}</a>]
          : null,
      ]}
    />
  );
}

function Reading({ policy, link }: { policy: SpawnPolicy; link: VNode }): VNode {
  return (
    <Kind
      title="What agents see and send"
      link={link}
      facts={[
        ['May read', rulesOf(policy).every.find(({ name }) => name === 'agentEventVisibility')?.value],
        [
          'AI agents',
          `An idempotency key for each write, ${AI_MAX_EVENTS_PER_BATCH} events in a batch, ${AI_MAX_USERS_PER_RESOLVE} users in a request, an explicit list of event types, never the preset ADMIN`,
        ],
      ]}
    />
  );
}

function Budgets({ limits, base }: { limits: Limits; base: string }): VNode {
  return (
    <Kind
      title="Budgets"
      link={<a href={`${base}/usage`}>Usage</a>}
      facts={[
        [
          'All keys and agents',
          `${countText(limits.eventsPerMinute)} events and ${countText(limits.requestsPerMinute)} requests per minute`,
        ],
        ['One agent', 'Its own limit, if it has one, shared with all agents below it'],
        ['Stopping', 'Has a budget of its own, so that agents that use up yours can be stopped'],
      ]}
    />
  );
}

function killText(kill: PresentedCascade): VNode {
  const tookMs = kill.effectiveAt === null ? null : Date.parse(kill.effectiveAt) - Date.parse(kill.createdAt);
  const count = kill.affected ?? kill.revoked;
  return (
    <>
      <RelativeTime at={new Date(kill.createdAt)} />
      {`, ${countOf(count, 'agent')}`}
      {tookMs !== null && `, in force after ${countText(Math.max(tookMs, 1))} ms`}
    </>
  );
}

function Stopping({ member: { base }, receivers, lastKill }: { member: Member } & Guardrails): VNode {
  const failing = receivers.filter(({ state }) => state === 'FAILING').length;
  return (
    <Kind
      title="Stopping agents"
      link={<a href={`${base}/agents`}>Agents</a>}
      facts={[
        ['Kill switch', 'Revokes an agent and everything below it, in force everywhere before you see the report'],
        [
          'Last kill',
          lastKill === null ? (
            'None in this environment'
          ) : (
            <a href={`${base}/agents/report?kill=${lastKill.cascadeId}`}>{killText(lastKill)}</a>
          ),
        ],
        [
          'Systems outside MIR',
          <a href={`${base}/receivers`}>
            {receivers.length === 0
              ? 'No receivers'
              : `${receivers.length} ${receivers.length === 1 ? 'receiver' : 'receivers'}${failing > 0 ? `, ${failing} failing` : ''}`}
          </a>,
        ],
        [
          'Record',
          <>
            Each change is in the <a href={`${base}/audit`}>audit log</a>, which you can verify
          </>,
        ],
      ]}
    />
  );
}

function GuardrailsView({ member, ...found }: { member: Member } & Guardrails): VNode {
  const { policy, limits, members } = found;
  const toPolicy = <a href={`${member.base}/policy`}>Policy</a>;
  return (
    <PortalLayout
      member={member}
      title="Guardrails"
      path={PATH}
      lead="What keeps your agents within bounds in this environment, with the values in force right now."
    >
      <div class="halves">
        <Stopping member={member} {...found} />
        <Creation policy={policy} link={toPolicy} />
        <Approval member={member} policy={policy} members={members} link={toPolicy} />
        <Lifetime policy={policy} link={toPolicy} />
        <Reading policy={policy} link={<a href="/guide#rules-for-ai-agents">Guide</a>} />
        <Budgets limits={limits} base={member.base} />
      </div>
    </PortalLayout>
  );
}

export const guardrailsPage = memberPage({
  method: 'GET',
  path: PATH,
  scope: 'agents:read',
  handle: async (page) => ({ html: <GuardrailsView member={page.member} {...await guardrailsOf(page)} /> }),
});
