import {
  MAX_AGENT_DEPTH,
  MAX_APPROVAL_SECONDS,
  MAX_SPAWNS_PER_MINUTE,
  MIN_APPROVAL_SECONDS,
  MIN_LIFETIME_SECONDS,
  PRESETS,
  type SpawnPolicy,
} from '../../../../shared/domain/agent';
import {
  MAX_EXPIRES_IN_SECONDS,
  MAX_IDLE_TIMEOUT_SECONDS,
  MIN_IDLE_TIMEOUT_SECONDS,
} from '../../../../shared/domain/agent-lifetime';
import { MAX_AGENTS } from '../../../agents/policy-schema';
import type { Fields } from '../../http/page';
import { countText } from '../../design/count-text';
import { durationText, readDuration } from '../duration';

const numberUpTo = (max: number): string => `must be a whole number from 1 to ${countText(max)}.`;
const timeBetween = (min: number, max: number): string =>
  `must be from ${durationText(min)} to ${durationText(max)}, such as 12 hours or 90 days.`;

/** What to do about each field that MIR rejected. */
export const POLICY_PROBLEMS: Record<string, string> = {
  maxSpawnDepth: `The deepest level ${numberUpTo(MAX_AGENT_DEPTH)}`,
  maxChildrenPerAgent: `The number of agents below one agent ${numberUpTo(MAX_AGENTS)}`,
  maxAgentsPerRoot: `The number of agents in a tree ${numberUpTo(MAX_AGENTS)}`,
  maxSpawnsPerMinute: `The number of new agents per minute ${numberUpTo(MAX_SPAWNS_PER_MINUTE)}`,
  'approval.fromDepth': `The level ${numberUpTo(MAX_AGENT_DEPTH)}`,
  'approval.fromAgentsPerRoot': `The size of the tree ${numberUpTo(MAX_AGENTS)}`,
  'approval.expiresInSeconds': `The time to decide ${timeBetween(MIN_APPROVAL_SECONDS, MAX_APPROVAL_SECONDS)}`,
  ...Object.fromEntries(
    PRESETS.flatMap((preset) => [
      [
        `maxLifetimeSeconds.${preset}`,
        `The lifetime of ${preset} ${timeBetween(MIN_LIFETIME_SECONDS, MAX_EXPIRES_IN_SECONDS)}`,
      ],
      [
        `maxIdleSeconds.${preset}`,
        `The idle time of ${preset} ${timeBetween(MIN_IDLE_TIMEOUT_SECONDS, MAX_IDLE_TIMEOUT_SECONDS)}`,
      ],
    ]),
  ),
};

/** Returns the fields that show a policy. */
export function fieldsOfPolicy(policy: SpawnPolicy): Fields {
  const { approval, maxLifetimeSeconds, maxIdleSeconds } = policy;
  const timeOf = (seconds: number | undefined): string => (seconds === undefined ? '' : durationText(seconds));
  return {
    ...(policy.spawnEnabled && { spawnEnabled: 'on' }),
    maxSpawnDepth: String(policy.maxSpawnDepth),
    maxChildrenPerAgent: String(policy.maxChildrenPerAgent),
    maxAgentsPerRoot: String(policy.maxAgentsPerRoot),
    maxSpawnsPerMinute: String(policy.maxSpawnsPerMinute),
    ...(policy.ownerRequired && { ownerRequired: 'on' }),
    agentEventVisibility: policy.agentEventVisibility,
    'approval.fromDepth': String(approval.fromDepth ?? ''),
    'approval.fromAgentsPerRoot': String(approval.fromAgentsPerRoot ?? ''),
    'approval.expiresInSeconds': durationText(approval.expiresInSeconds),
    ...Object.fromEntries(approval.presets.map((preset) => [`approval.presets.${preset}`, 'on'])),
    ...Object.fromEntries(
      PRESETS.flatMap((preset) => [
        [`maxLifetimeSeconds.${preset}`, timeOf(maxLifetimeSeconds[preset])],
        [`maxIdleSeconds.${preset}`, timeOf(maxIdleSeconds[preset])],
      ]),
    ),
  };
}

/** Returns the request for the policy that a form describes. Texts that are no number or time stay as they are. */
export function policyOfFields(form: Fields): Record<string, unknown> {
  const textOf = (name: string): string => (form[name] ?? '').trim();
  const count = (name: string): unknown => {
    const text = textOf(name).replaceAll(',', '');
    return /^\d{1,9}$/.test(text) ? Number(text) : text;
  };
  const time = (name: string): unknown => readDuration(textOf(name)) ?? textOf(name);
  const ifAny = (name: string, read: (name: string) => unknown): Record<string, unknown> =>
    textOf(name) === '' ? {} : { [name.split('.')[1]!]: read(name) };
  const times = (name: string): unknown =>
    Object.assign({}, ...PRESETS.map((preset) => ifAny(`${name}.${preset}`, time)));
  const reason = textOf('reason');
  return {
    spawnEnabled: form['spawnEnabled'] === 'on',
    maxSpawnDepth: count('maxSpawnDepth'),
    maxChildrenPerAgent: count('maxChildrenPerAgent'),
    maxAgentsPerRoot: count('maxAgentsPerRoot'),
    maxSpawnsPerMinute: count('maxSpawnsPerMinute'),
    ownerRequired: form['ownerRequired'] === 'on',
    maxLifetimeSeconds: times('maxLifetimeSeconds'),
    maxIdleSeconds: times('maxIdleSeconds'),
    agentEventVisibility: textOf('agentEventVisibility'),
    approval: {
      ...ifAny('approval.fromDepth', count),
      ...ifAny('approval.fromAgentsPerRoot', count),
      presets: PRESETS.filter((preset) => form[`approval.presets.${preset}`] === 'on'),
      expiresInSeconds: time('approval.expiresInSeconds'),
    },
    ...(reason !== '' && { reason }),
  };
}
