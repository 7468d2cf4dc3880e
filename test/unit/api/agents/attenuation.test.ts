import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { checkSpawn, needsApproval } from '../../../../api/agents/check-spawn';
import { newAgent } from '../../../../api/agents/new-agent';
import { credentialOf } from '../../../../shared/authz/credential';
import { AGENT_TYPES, DEFAULT_POLICY, PRESET_SCOPES, PRESETS, type SpawnPolicy } from '../../../../shared/domain/agent';
import { newPartnerTag, partnerIdOf, tenantOf } from '../../../../shared/domain/ids';
import { effectiveAllowlist, type Grant, wideningsBeyond } from '../../../../shared/domain/permissions';
import { MirError } from '../../../../shared/errors';
import type { AgentDoc } from '../../../../shared/store/agents';
import { isWithin, typesOf, typesOfAll } from '../../../support/event-types';

const partnerId = partnerIdOf(newPartnerTag());
const owner = { partnerId, tenant: tenantOf(partnerId, 'live') };
const AT = new Date(0);

const exact = fc.constantFrom('mir.transaction.completed', 'mir.transaction.refunded', 'mir.review.posted');
const pattern = fc.oneof(exact, fc.constantFrom('*', 'mir.*', 'mir.transaction.*', 'mir.review.*'));
const allowlist = fc.array(pattern, { maxLength: 4 });
const limit = fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 20 }));
const grant: fc.Arbitrary<Grant> = fc.record({
  type: fc.constantFrom(...AGENT_TYPES),
  preset: fc.constantFrom(...PRESETS),
  allowedEventTypes: allowlist,
  rateLimitPerMinute: limit,
});
const policy: fc.Arbitrary<SpawnPolicy> = fc.record({
  spawnEnabled: fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, fc.constant(false)),
  maxSpawnDepth: fc.integer({ min: 1, max: 4 }),
  maxChildrenPerAgent: fc.integer({ min: 1, max: 3 }),
  maxAgentsPerRoot: fc.integer({ min: 1, max: 8 }),
  approval: fc.record(
    {
      fromDepth: fc.integer({ min: 1, max: 4 }),
      fromAgentsPerRoot: fc.integer({ min: 1, max: 8 }),
      presets: fc.subarray([...PRESETS], { maxLength: 1 }),
      expiresInSeconds: fc.constant(DEFAULT_POLICY.approval.expiresInSeconds),
    },
    { requiredKeys: ['presets', 'expiresInSeconds'] },
  ),
  maxSpawnsPerMinute: fc.constant(DEFAULT_POLICY.maxSpawnsPerMinute),
  ownerRequired: fc.constant(false),
  maxLifetimeSeconds: fc.constant({}),
  maxIdleSeconds: fc.constant({}),
  agentEventVisibility: fc.constant('PARTNER'),
});

/** An action on a random agent: a spawn (the child inherits permissions by default), a change, or an approval. */
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('spawn' as const),
      pick: fc.nat(),
      requested: fc.option(grant, { freq: 1 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('patch' as const), pick: fc.nat(), list: allowlist, rate: limit }),
  },
  fc.record({ kind: fc.constant('approve' as const), pick: fc.nat() }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** An in-memory agent tree that applies the API's rules and counts the actions that the rules permit. */
class Tree {
  readonly nodes: AgentDoc[] = [];
  readonly granted = { spawn: 0, patch: 0, approve: 0 };

  constructor(
    root: Grant,
    private readonly rules: SpawnPolicy,
  ) {
    this.nodes.push(this.createAgent(null, root, null));
  }

  private createAgent(parent: AgentDoc | null, requested: Grant, approvalId: string | null): AgentDoc {
    const agentId = `a${this.nodes.length}`;
    return newAgent(
      owner,
      parent,
      {
        ...requested,
        agentId,
        name: 'x',
        authorizer: null,
        fingerprint: '',
        approval: approvalId === null ? null : { approvalId },
      },
      AT,
    ).agent;
  }

  ancestorsOf({ ancestors }: AgentDoc): AgentDoc[] {
    return ancestors.map((id) => this.nodes.find(({ _id }) => _id === id)!);
  }

  childrenOf({ _id }: AgentDoc): number {
    return this.nodes.filter(({ parentId }) => parentId === _id).length;
  }

  apply(one: Step): void {
    try {
      const waiting = this.nodes.filter(({ status }) => status === 'PENDING_APPROVAL');
      const among = one.kind === 'approve' ? waiting : this.nodes;
      if (among.length > 0 && this[one.kind](among[one.pick % among.length]!, one)) this.granted[one.kind] += 1;
    } catch (error) {
      if (!(error instanceof MirError)) throw error;
    }
  }

  private spawn(parent: AgentDoc, one: Step): boolean {
    const requested = one.kind === 'spawn' ? one.requested : null;
    const path = [...this.ancestorsOf(parent), parent];
    const child = requested ?? { ...parent, allowedEventTypes: effectiveAllowlist(path), rateLimitPerMinute: null };
    const population = { children: this.childrenOf(parent), agents: this.nodes.length };
    checkSpawn(path, child, this.rules, population);
    this.expectWithinAncestors(child, path);
    const approvalId = needsApproval(this.rules, child.preset, path.length, population)
      ? `apr${this.nodes.length}`
      : null;
    this.nodes.push(this.createAgent(parent, child, approvalId));
    return true;
  }

  private patch(agent: AgentDoc, one: Step): boolean {
    if (one.kind !== 'patch') return false;
    const path = this.ancestorsOf(agent);
    const after = { ...agent, allowedEventTypes: one.list, rateLimitPerMinute: one.rate };
    if (wideningsBeyond(path, agent, after).length > 0) return false;
    const added = [...typesOf(after.allowedEventTypes)].filter((type) => !typesOf(agent.allowedEventTypes).has(type));
    for (const outer of path) expect(isWithin(added, typesOf(outer.allowedEventTypes))).toBe(true);
    Object.assign(agent, after);
    return true;
  }

  private approve(agent: AgentDoc): boolean {
    const path = this.ancestorsOf(agent);
    const population = { children: this.childrenOf(path.at(-1)!) - 1, agents: this.nodes.length - 1 };
    checkSpawn(path, agent, this.rules, population);
    this.expectWithinAncestors(agent, path);
    agent.status = 'ACTIVE';
    return true;
  }

  /** Expects that an agent that is being created or approved has only permissions that all of its ancestors have. */
  private expectWithinAncestors(child: Grant, path: readonly AgentDoc[]): void {
    for (const outer of path) {
      expect(isWithin(PRESET_SCOPES[child.preset], new Set(PRESET_SCOPES[outer.preset]))).toBe(true);
      expect(isWithin(typesOf(child.allowedEventTypes), typesOf(outer.allowedEventTypes))).toBe(true);
      expect(child.rateLimitPerMinute ?? 0).toBeLessThanOrEqual(outer.rateLimitPerMinute ?? Infinity);
      if (outer.type === 'AI_AGENT') expect(child.type).toBe('AI_AGENT');
      expect(outer.status).toBe('ACTIVE');
    }
    if (child.type === 'AI_AGENT') expect(child.preset).not.toBe('ADMIN');
    expect(this.rules.spawnEnabled).toBe(true);
  }

  /** Returns the event types that an agent may submit, according to all allowlists on its path. */
  typesAllowed(agent: AgentDoc): Set<string> {
    const path = [...this.ancestorsOf(agent), agent];
    const key = { partnerId, env: 'live' as const, scopes: [...PRESET_SCOPES[agent.preset]], agent: null };
    const { allowlists } = credentialOf(key, [{ plan: 'ENTERPRISE' }, ...path]);
    return typesOfAll(allowlists);
  }

  expectValid(): void {
    expect(this.nodes.length).toBeLessThanOrEqual(Math.max(1, this.rules.maxAgentsPerRoot));
    for (const agent of this.nodes) {
      expect(agent.depth).toBeLessThanOrEqual(this.rules.maxSpawnDepth);
      expect(this.childrenOf(agent)).toBeLessThanOrEqual(this.rules.maxChildrenPerAgent);
      if (agent.status === 'PENDING_APPROVAL') expect(agent.key).toBeNull();
      for (const outer of this.ancestorsOf(agent)) {
        expect(isWithin(PRESET_SCOPES[agent.preset], new Set(PRESET_SCOPES[outer.preset]))).toBe(true);
        expect(isWithin(this.typesAllowed(agent), this.typesAllowed(outer))).toBe(true);
      }
    }
  }
}

describe('agent tree', () => {
  it('never grants an agent more than its ancestors or the policy allow, for any sequence of actions', () => {
    const granted = { spawn: 0, patch: 0, approve: 0 };
    let largest = 0;
    fc.assert(
      fc.property(grant, policy, fc.array(step, { maxLength: 30 }), (root, rules, steps) => {
        const tree = new Tree(root, rules);
        for (const one of steps) {
          tree.apply(one);
          tree.expectValid();
        }
        largest = Math.max(largest, tree.nodes.length);
        for (const kind of ['spawn', 'patch', 'approve'] as const) granted[kind] += tree.granted[kind];
      }),
      { numRuns: 500 },
    );
    // Makes sure that the random actions created large trees, and that enough actions of each kind were permitted.
    expect(largest).toBeGreaterThanOrEqual(4);
    expect(Math.min(...Object.values(granted))).toBeGreaterThan(20);
  });
});
