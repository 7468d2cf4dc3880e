import { describe, expect, it } from '@jest/globals';
import type { Operation, Reply } from '../../model/operations';
import { type CompletedOperation, type Observation, possibleStates } from '../../model/possible-states';
import { authorize, type ModelAgent, type ModelKey, type ModelState } from '../../model/state';

const partnerKey: ModelKey = { secret: 'partner-key', agentId: null };
const rootKey: ModelKey = { secret: 'root-key', agentId: 'root' };
const childKey: ModelKey = { secret: 'child-key', agentId: 'child' };

function agent(id: string, path: string[]): ModelAgent {
  const marks = { killed: false, subtreeSuspended: false };
  const rights = { type: 'SERVICE_ACCOUNT', preset: 'ADMIN', types: 0b111111 } as const;
  return {
    id,
    path,
    ...rights,
    status: 'ACTIVE',
    ...marks,
    key: `${id}-key`,
    approvalId: null,
    requestedWith: 'other',
  };
}

const BEFORE: ModelState = {
  partner: { key: partnerKey.secret, suspended: false, enterprise: true },
  policy: { spawnEnabled: true, maxSpawnDepth: 6, approvalFromDepth: null },
  agents: new Map([
    ['root', agent('root', ['root'])],
    ['child', agent('child', ['root', 'child'])],
  ]),
};

function completed(
  op: Operation,
  [sentAt, answeredAt]: [number, number],
  reply: Partial<Reply> = {},
): CompletedOperation {
  return { op, reply: { code: 'OK', key: null, approvalId: null, ...reply }, failedAttempts: 0, sentAt, answeredAt };
}

const kill: Operation = { kind: 'kill', caller: partnerKey, target: 'root' };
const narrowTo = (pattern: string): Operation => ({
  kind: 'narrow',
  caller: partnerKey,
  target: 'root',
  patterns: [pattern],
});

function observed(key: ModelKey, outcome: string | null, [sentAt, answeredAt]: [number, number]): Observation {
  return { sentAt, answeredAt, matches: (state) => authorize(state, key, 'events:read') === outcome };
}

describe('possibleStates', () => {
  it('has no explanation for a key that passes after the kill of its tree was answered', () => {
    expect(possibleStates([BEFORE], [completed(kill, [1, 2])], [observed(childKey, null, [3, 4])])).toEqual([]);
  });

  it('allows a key to pass while the kill of its tree is in flight, but not after the key was rejected', () => {
    const during = [observed(childKey, null, [2, 3]), observed(childKey, 'AGENT_KEY_REVOKED', [4, 5])];
    expect(possibleStates([BEFORE], [completed(kill, [1, 9])], during)).toHaveLength(1);
    const again = observed(childKey, null, [6, 7]);
    expect(possibleStates([BEFORE], [completed(kill, [1, 9])], [...during, again])).toEqual([]);
  });

  it('keeps both results of two concurrent changes until an observation decides between them', () => {
    const changes = [completed(narrowTo('mir.review.*'), [1, 3]), completed(narrowTo('mir.transaction.*'), [2, 4])];
    const states = possibleStates([BEFORE], changes, []);
    expect(new Set(states.map(({ agents }) => agents.get('root')!.types))).toEqual(new Set([0b001011, 0b010100]));
  });

  it('has no explanation for a spawn that succeeds after the kill of its parent was answered', () => {
    const spawn: Operation = { kind: 'spawn', caller: partnerKey, agentId: 'new', parent: 'child', grant: {} };
    const spawned = { key: 'new-key' };
    expect(possibleStates([BEFORE], [completed(kill, [1, 2]), completed(spawn, [3, 4], spawned)], [])).toEqual([]);
    const concurrent = possibleStates([BEFORE], [completed(kill, [1, 3]), completed(spawn, [2, 4], spawned)], []);
    const newKey = { secret: 'new-key', agentId: 'new' };
    expect(concurrent.map((state) => authorize(state, newKey, 'events:read'))).toEqual(['AGENT_KEY_REVOKED']);
  });

  it('rejects a change by an agent that was stopped between its authorization and its transaction', () => {
    const rotate: Operation = { kind: 'rotate', caller: rootKey, target: 'child' };
    const stopped = completed(rotate, [1, 4], { code: 'AGENT_KEY_REVOKED' });
    expect(possibleStates([BEFORE], [stopped], [])).toEqual([]);
    expect(possibleStates([BEFORE], [stopped, completed(kill, [2, 3])], [])).toHaveLength(1);
  });

  it('considers that a failed attempt may have been applied', () => {
    const rotate: Operation = { kind: 'rotate', caller: partnerKey, target: 'child' };
    const operations = [
      { ...completed(rotate, [1, 9], { code: 'PARTNER_SUSPENDED' }), failedAttempts: 1 },
      completed({ kind: 'changePartner', change: { suspended: true } }, [2, 3]),
    ];
    const keys = possibleStates([BEFORE], operations, []).map(({ agents }) => agents.get('child')!.key);
    expect(new Set(keys)).toEqual(new Set(['child-key', 'lost']));
  });
});
