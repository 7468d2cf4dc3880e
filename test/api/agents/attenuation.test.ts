import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { checkBirth } from '../../../api/agents/check-birth';
import { newAgent } from '../../../api/agents/new-agent';
import { AGENT_TYPES, PRESET_SCOPES, PRESETS, type SpawnPolicy } from '../../../shared/domain/agent';
import { createCatalog } from '../../../shared/domain/catalog';
import { newPartnerTag, partnerIdOf, tenantOf } from '../../../shared/domain/ids';
import { allows, effectiveAllowlist, type Grant } from '../../../shared/domain/permissions';
import type { AgentDoc } from '../../../shared/store/agents';

const TYPES = createCatalog().entries.map(({ eventType }) => eventType);
const partnerId = partnerIdOf(newPartnerTag());
const owner = { partnerId, tenant: tenantOf(partnerId, 'live') };
const AT = new Date(0);

const pattern = fc.constantFrom('mir.*', 'mir.transaction.*', 'mir.review.*', ...TYPES.slice(0, 6));
const limit = fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 20 }));
const grant: fc.Arbitrary<Grant> = fc.record({
  type: fc.constantFrom(...AGENT_TYPES),
  preset: fc.constantFrom(...PRESETS),
  allowedEventTypes: fc.array(pattern, { maxLength: 4 }),
  rateLimitPerMinute: limit,
});
const policy: fc.Arbitrary<SpawnPolicy> = fc.record({
  spawnEnabled: fc.constant(true),
  maxSpawnDepth: fc.integer({ min: 1, max: 4 }),
  maxChildrenPerAgent: fc.integer({ min: 1, max: 3 }),
  maxAgentsPerRoot: fc.integer({ min: 1, max: 8 }),
  approval: fc.constant({}),
});
/** Somebody (by number) asks for a child; what is not asked is inherited. */
const wish = fc.record({ parent: fc.nat(), asked: fc.option(grant, { nil: null }) });

interface Node {
  doc: AgentDoc;
  path: AgentDoc[];
}

const docOf = (parent: AgentDoc | null, id: number, asked: Grant): AgentDoc =>
  newAgent(
    owner,
    parent,
    { ...asked, agentId: `a${id}`, name: 'x', authorizer: null, fingerprint: '', approvalId: null },
    AT,
  ).agent;

/** Grows a tree by all wishes that are granted. */
function grow(root: Grant, rules: SpawnPolicy, wishes: { parent: number; asked: Grant | null }[]): Node[] {
  const nodes: Node[] = [{ doc: docOf(null, 0, root), path: [] }];
  wishes.forEach(({ parent, asked }, n) => {
    const { doc, path: above } = nodes[parent % nodes.length]!;
    const path = [...above, doc];
    const child = asked ?? { ...doc, allowedEventTypes: effectiveAllowlist(path), rateLimitPerMinute: null };
    const children = nodes.filter((node) => node.doc.parentId === doc._id).length;
    try {
      checkBirth(path, child, rules, { children, agents: nodes.length });
    } catch {
      return;
    }
    nodes.push({ doc: docOf(doc, n + 1, child), path });
  });
  return nodes;
}

describe('a tree that grows by any wishes under any policy', () => {
  it('never holds a child with a scope, event type or limit that an agent above it lacks, nor exceeds the policy', () => {
    const sizes: number[] = [];
    fc.assert(
      fc.property(grant, policy, fc.array(wish, { maxLength: 25 }), (root, rules, wishes) => {
        const nodes = grow(root, rules, wishes);
        sizes.push(nodes.length);
        expect(nodes.length).toBeLessThanOrEqual(Math.max(1, rules.maxAgentsPerRoot));
        for (const { doc, path } of nodes) {
          expect(doc.depth).toBeLessThanOrEqual(rules.maxSpawnDepth);
          const children = nodes.filter((node) => node.doc.parentId === doc._id).length;
          expect(children).toBeLessThanOrEqual(rules.maxChildrenPerAgent);
          for (const above of path) {
            const held: readonly string[] = PRESET_SCOPES[above.preset];
            expect(PRESET_SCOPES[doc.preset].every((scope) => held.includes(scope))).toBe(true);
            const types = TYPES.filter((type) => allows(doc.allowedEventTypes, type));
            expect(types.every((type) => allows(above.allowedEventTypes, type))).toBe(true);
            expect(doc.rateLimitPerMinute ?? 0).toBeLessThanOrEqual(above.rateLimitPerMinute ?? Infinity);
            if (above.type === 'AI_AGENT') expect(doc.type).toBe('AI_AGENT');
          }
          if (doc.type === 'AI_AGENT' && path.length > 0) expect(doc.preset).not.toBe('ADMIN');
        }
      }),
      { numRuns: 1_000 },
    );
    expect(Math.max(...sizes)).toBeGreaterThanOrEqual(4);
  });
});
