import type { SpawnPolicy } from '../../shared/domain/agent';
import type { FieldError } from '../../shared/errors';
import { PublicError } from '../http/public-error';
import type { AgentDoc } from '../../shared/store/agents';
import type { StoreSession, Store } from '../../shared/store/store';
import type { AgentPath } from './agent-state';

/** What a policy regulates about a single agent. */
type RegulatedAgent = Pick<AgentDoc, 'preset' | 'createdAt' | 'expiresAt' | 'idleTimeoutSeconds' | 'owner'>;
type Lifetime = { expiresAt: Date | null; idleTimeoutSeconds: number | null };
/** Fields that a policy regulates, as the paths of errors name them. */
const REGULATED = ['owner', 'expiresAt', 'idleTimeoutSeconds'] as const;

function latestExpiry({ maxLifetimeSeconds }: SpawnPolicy, preset: AgentDoc['preset'], createdAt: Date): Date | null {
  const seconds = maxLifetimeSeconds[preset];
  return seconds === undefined ? null : new Date(createdAt.getTime() + seconds * 1_000);
}

/** Returns the limits of a new agent. What the request does not name is the policy's maximum for the preset. */
export function withPolicyLimits<Limits extends Lifetime>(
  policy: SpawnPolicy,
  preset: AgentDoc['preset'],
  createdAt: Date,
  limits: Limits,
): Limits {
  const { expiresAt, idleTimeoutSeconds } = limits;
  return {
    ...limits,
    expiresAt: expiresAt ?? latestExpiry(policy, preset, createdAt),
    idleTimeoutSeconds: idleTimeoutSeconds ?? policy.maxIdleSeconds[preset] ?? null,
  };
}

/** Returns an error for each of the policy's rules on single agents that an agent violates. */
export function violationsOf(policy: SpawnPolicy, agent: RegulatedAgent): FieldError[] {
  const { preset, createdAt, expiresAt, idleTimeoutSeconds, owner } = agent;
  const errors: FieldError[] = [];
  if (policy.ownerRequired && !owner) {
    const message = 'The spawn policy requires an owner. Name the person who is responsible for the agent.';
    errors.push({ path: 'owner', code: 'OWNER_REQUIRED', message });
  }
  const latest = latestExpiry(policy, preset, createdAt);
  if (latest && (!expiresAt || expiresAt > latest)) {
    const limit = `Agents with the preset ${preset} must expire within ${policy.maxLifetimeSeconds[preset]} seconds of their creation`;
    const message = `${limit}. Choose a time no later than ${latest.toISOString()}, or fewer seconds.`;
    errors.push({ path: 'expiresAt', code: 'LIFETIME_LIMIT', message });
  }
  const maxIdle = policy.maxIdleSeconds[preset];
  if (maxIdle !== undefined && (idleTimeoutSeconds ?? Infinity) > maxIdle) {
    const message = `Agents with the preset ${preset} need an idle timeout of at most ${maxIdle} seconds.`;
    errors.push({ path: 'idleTimeoutSeconds', code: 'IDLE_LIMIT', message });
  }
  return errors;
}

/** Throws 409 with all violations, if there are any. */
export function requireNoViolations(errors: FieldError[]): void {
  if (errors.length === 0) return;
  throw new PublicError('POLICY_LIMIT', 'The agent would violate the spawn policy. See `errors` for each violation.', {
    errors,
  });
}

/**
 * Throws 409 if a change makes an agent violate the policy. The rules apply only to the fields that change, so that a
 * stricter policy does not affect what was set before.
 */
export async function requireAllowedChange(
  { store }: { store: Pick<Store, 'policies'> },
  { agent }: AgentPath,
  change: Partial<AgentDoc>,
  session: StoreSession,
): Promise<void> {
  const changed = REGULATED.filter((field) => change[field] !== undefined);
  if (changed.length === 0) return;
  const policy = await store.policies.get(agent.tenant, session);
  const violations = violationsOf(policy, { ...agent, ...change });
  requireNoViolations(violations.filter(({ path }) => changed.some((field) => field === path)));
}
