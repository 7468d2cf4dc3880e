import { hash } from 'node:crypto';
import { type Preset, PRESETS, type SpawnPolicy } from '../../../../shared/domain/agent';
import { canonicalJson } from '../../../../shared/domain/canonical-json';
import { countText } from '../../design/count-text';
import { durationText } from '../duration';

const REVISION_DIGITS = 16;

/** A rule of the policy: its value in words, and what it means. */
export interface PolicyRule {
  /** The rule's path in the policy, and the name of its field in the form. */
  name: string;
  label: string;
  value: string;
  meaning: string;
}

export type RuleName = keyof typeof MEANINGS;

/** What each rule means, and what it does to agents that exist already. */
export const MEANINGS = {
  spawnEnabled: 'If not, MIR rejects spawn requests. Agents that exist keep working.',
  maxSpawnDepth: 'Agents that you register are at level 0. Their children are at level 1.',
  maxChildrenPerAgent: 'Revoked, rejected and expired agents do not count.',
  maxAgentsPerRoot: 'Counts the registered agent and everything below it, except what is revoked, rejected or expired.',
  maxSpawnsPerMinute: 'Further spawn requests in a tree are rejected until the minute is over.',
  ownerRequired: 'Each new agent names a responsible person, and owners cannot be removed. Children inherit theirs.',
  agentEventVisibility: 'Applies at once to every agent, also to those that exist.',
  'approval.fromDepth': 'New agents at this level or deeper wait for a second person.',
  'approval.fromAgentsPerRoot': 'New agents wait for a second person once their tree would be this large.',
  'approval.presets': 'New agents with these presets wait for a second person, also if you register them yourself.',
  'approval.expiresInSeconds': 'After that, the agent is expired and cannot be approved anymore.',
  maxLifetimeSeconds: 'The longest lifetime of new agents, and the one that they get if they name none.',
  maxIdleSeconds: 'New agents expire at the latest after this time without a request.',
} as const;

/** Returns a rule's label without the preset that it is about. */
export const LABELS: Record<RuleName, string> = {
  spawnEnabled: 'Agents may create agents',
  maxSpawnDepth: 'Deepest level',
  maxChildrenPerAgent: 'Agents directly below one agent',
  maxAgentsPerRoot: 'Agents in one tree',
  maxSpawnsPerMinute: 'New agents per tree and minute',
  ownerRequired: 'An owner is required',
  agentEventVisibility: 'Agents may read',
  'approval.fromDepth': 'Needed from level',
  'approval.fromAgentsPerRoot': 'Needed from tree size',
  'approval.presets': 'Needed for presets',
  'approval.expiresInSeconds': 'Time to decide',
  maxLifetimeSeconds: 'Longest lifetime',
  maxIdleSeconds: 'Longest idle time',
};

export const VISIBILITY_WORDS: Record<SpawnPolicy['agentEventVisibility'], string> = {
  PARTNER: 'All of your events',
  SUBTREE: 'Only events of their own and of agents below them',
};

const optionalTime = (seconds: number | undefined): string =>
  seconds === undefined ? 'No limit' : durationText(seconds);

function rule(name: RuleName, value: string): PolicyRule {
  return { name, label: LABELS[name], value, meaning: MEANINGS[name] };
}

function byPreset(name: 'maxLifetimeSeconds' | 'maxIdleSeconds', policy: SpawnPolicy, preset: Preset): PolicyRule {
  const path = `${name}.${preset}`;
  return { ...rule(name, optionalTime(policy[name][preset])), name: path, label: `${LABELS[name]}, ${preset}` };
}

/** Returns the rules of a policy in words, in the groups of its page. */
export function rulesOf(policy: SpawnPolicy): Record<'creating' | 'every' | 'approval' | 'times', PolicyRule[]> {
  const { approval } = policy;
  return {
    creating: [
      rule('spawnEnabled', policy.spawnEnabled ? 'Yes' : 'No'),
      rule('maxSpawnDepth', String(policy.maxSpawnDepth)),
      rule('maxChildrenPerAgent', countText(policy.maxChildrenPerAgent)),
      rule('maxAgentsPerRoot', countText(policy.maxAgentsPerRoot)),
      rule('maxSpawnsPerMinute', countText(policy.maxSpawnsPerMinute)),
    ],
    every: [
      rule('ownerRequired', policy.ownerRequired ? 'Yes' : 'No'),
      rule('agentEventVisibility', VISIBILITY_WORDS[policy.agentEventVisibility]),
    ],
    approval: [
      rule('approval.presets', approval.presets.join(', ') || 'None'),
      rule('approval.fromDepth', String(approval.fromDepth ?? 'Not by level')),
      rule(
        'approval.fromAgentsPerRoot',
        approval.fromAgentsPerRoot === undefined ? 'Not by size' : `${countText(approval.fromAgentsPerRoot)} agents`,
      ),
      rule('approval.expiresInSeconds', durationText(approval.expiresInSeconds)),
    ],
    times: PRESETS.flatMap((preset) => [
      byPreset('maxLifetimeSeconds', policy, preset),
      byPreset('maxIdleSeconds', policy, preset),
    ]),
  };
}

/** A rule that differs between two policies. */
export interface RuleChange {
  name: string;
  label: string;
  from: string;
  to: string;
}

/** Returns the rules that differ between two policies. */
export function changesBetween(before: SpawnPolicy, after: SpawnPolicy): RuleChange[] {
  const was = new Map(Object.values(rulesOf(before)).flatMap((rules) => rules.map((one) => [one.name, one.value])));
  return Object.values(rulesOf(after))
    .flat()
    .filter(({ name, value }) => was.get(name) !== value)
    .map(({ name, label, value }) => ({ name, label, from: was.get(name)!, to: value }));
}

/** Returns a text that differs for policies with different rules. */
export function revisionOf(policy: SpawnPolicy): string {
  return hash('sha256', canonicalJson({ ...policy })).slice(0, REVISION_DIGITS);
}
