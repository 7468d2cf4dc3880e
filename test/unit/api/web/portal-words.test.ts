import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { DEFAULT_POLICY } from '../../../../shared/domain/agent';
import { projectRoot } from '../../../../shared/project';
import { changedValues } from '../../../../api/web/audit/audit-values';
import { ACTION_WORDS } from '../../../../api/web/audit/audit-words';
import { durationText, readDuration } from '../../../../api/web/portal/duration';
import { policySchema } from '../../../../api/agents/policy-schema';
import { fieldsOfPolicy, policyOfFields } from '../../../../api/web/portal/control/policy-input';
import { changesBetween, revisionOf } from '../../../../api/web/portal/control/policy-rules';

describe('time spans in forms', () => {
  it('are shown in the largest exact unit, and read back', () => {
    const shown = [60, 90, 3_600, 86_400, 7_776_000, 5_400].map(durationText);
    expect(shown).toEqual(['1 minute', '90 seconds', '1 hour', '1 day', '90 days', '90 minutes']);
    expect(shown.map(readDuration)).toEqual([60, 90, 3_600, 86_400, 7_776_000, 5_400]);
  });

  it('accept short units, and nothing else', () => {
    expect(['12h', '7 d', '30 min', '5 s', ' 1,000 days '].map(readDuration)).toEqual([
      43_200, 604_800, 1_800, 5, 86_400_000,
    ]);
    expect(['', '7', 'soon', '-1 day', '1.5 h', '1 m', '1 day 2 h'].map(readDuration)).toEqual(
      Array.from({ length: 7 }, () => null),
    );
  });
});

describe('the form of the policy', () => {
  it('describes exactly the policy that it shows, with every rule set', () => {
    const policy = {
      ...DEFAULT_POLICY,
      spawnEnabled: true,
      ownerRequired: true,
      maxLifetimeSeconds: { ADMIN: 86_400, STANDARD: 90 },
      maxIdleSeconds: { READ_ONLY: 60 },
      agentEventVisibility: 'SUBTREE' as const,
      approval: { presets: ['ADMIN' as const], fromDepth: 2, fromAgentsPerRoot: 10, expiresInSeconds: 3_600 },
    };
    expect(policyOfFields(fieldsOfPolicy(policy))).toEqual(policy);
    expect(policyOfFields(fieldsOfPolicy(DEFAULT_POLICY))).toEqual(DEFAULT_POLICY);
    expect(changesBetween(DEFAULT_POLICY, policy)).toHaveLength(10);
    expect(revisionOf(policy)).not.toBe(revisionOf(DEFAULT_POLICY));
    const fields = Object.keys(fieldsOfPolicy(policy)).map((name) => name.split('.')[0]);
    expect(new Set(fields)).toEqual(new Set(Object.keys(policySchema.shape)));
  });
});

describe('the words of the audit log', () => {
  it('name every action that MIR records', () => {
    const files = ['api', 'shared', 'workers'].flatMap((folder) =>
      readdirSync(join(projectRoot(), folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts') && !name.startsWith('web'))
        .map((name) => readFileSync(join(projectRoot(), folder, name), 'utf8')),
    );
    const found = files.flatMap((text) =>
      [
        ...text.matchAll(
          /'((?:agent|application|cascade|dead-letter|key|link|member|partner|person|receiver|staff|user|webhook)\.[a-z_.-]+)'/g,
        ),
      ].map(([, action]) => action!),
    );
    // Messages of webhooks, fields of documents, and what belongs to other chains.
    const others =
      /^(?:key\.(?:hash|prefix|expiring)|webhook\.test|agent\.approval_requested|cascade\.(?:started|closed))$/;
    expect(found.length).toBeGreaterThan(40);
    expect([...new Set(found)].filter((action) => !(action in ACTION_WORDS) && !others.test(action))).toEqual([]);
  });

  it('show each value before and after a change', () => {
    const before = { status: 'ACTIVE', owner: null, limits: { eventsPerMinute: 1 }, same: [1] };
    const after = { status: 'SUSPENDED', owner: 'Ada', limits: { eventsPerMinute: 5_000 }, same: [1] };
    expect(changedValues({ before, after })).toEqual([
      { name: 'Status', before: 'ACTIVE', after: 'SUSPENDED' },
      { name: 'Owner', before: 'None', after: 'Ada' },
      { name: 'Limits: events per minute', before: '1', after: '5,000' },
      { name: 'Same', before: '1', after: '1' },
    ]);
    expect(changedValues({ before: null, after: { owned: true } })).toEqual([
      { name: 'Owned', before: null, after: 'Yes' },
    ]);
  });
});
