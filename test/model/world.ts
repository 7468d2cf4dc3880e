import { setTimeout as delay } from 'node:timers/promises';
import { tenantOf } from '../../shared/domain/ids';
import { waitUntil } from '../support/wait-until';
import type { Cluster } from './cluster';
import type { Command, OperationCommand, ProbeCommand, ProbeKind } from './commands';
import { PROBES } from './commands';
import { CONNECTION_LOST } from './http-client';
import type { Operation, Reply } from './operations';
import { type CompletedOperation, type Observation, possibleStates } from './possible-states';
import { explains, sendOperation, sendProbe } from './requests';
import { operationOf } from './resolve-command';
import { effectiveStatus, isBelow, type ModelAgent, type ModelKey, type ModelState } from './state';
import type { Tally } from './tally';

/** Responses that leave open whether the request had an effect. */
const UNKNOWN_OUTCOMES = new Set(['OVERLOADED', 'STORE_UNAVAILABLE', CONNECTION_LOST]);
/** Responses after which a client repeats the request. */
const REPEATED = new Set([...UNKNOWN_OUTCOMES, 'RATE_LIMITED', 'CONFLICT']);
const MAX_ATTEMPTS = 400;
const RETRY_AFTER_MS = 25;
/** Requests of a sweep that are in flight at the same time. */
const SWEEP_WIDTH = 8;
/** Probes of a race that do not wait for an operation start within this time, while the operations are running. */
const MAX_PROBE_DELAY_MS = 12;
/** Descendants of a narrowed agent that submit events. */
const MAX_SUBMITTING = 3;
/** Changes after which an agent may not do what it did before. */
const STOPS = ['kill', 'suspend', 'revoke', 'rotate'] as const;
const HISTORY_SHOWN = 25;
/** Results of concurrent operations that are indistinguishable so far. */
const MAX_STATES = 1_000;

/** Thrown when the product does what the model forbids. */
export class Violation extends Error {}

/** One partner with its agents, and the states that they may be in according to the model. */
export interface World {
  run(command: Command): Promise<void>;
  /** Compares every key, every status and, once the cascades are done, every stored key with the model. */
  settle(): Promise<void>;
}

const FIRST_POLICY = { spawnEnabled: true, maxSpawnDepth: 6, approvalFromDepth: 2 };

export async function openWorld(cluster: Cluster, tally: Tally): Promise<World> {
  const { apis, ctx } = cluster;
  const partner = await cluster.partner();
  const tenant = tenantOf(partner.partnerId, 'live');
  const keys: ModelKey[] = [{ secret: partner.liveKey, agentId: null }];
  const history: string[] = [];
  let states: ModelState[] = [
    {
      partner: { key: partner.liveKey, suspended: false, enterprise: true },
      policy: { ...FIRST_POLICY, spawnEnabled: false },
      agents: new Map(),
    },
  ];
  let clock = 0;
  let requested = 0;
  let near: ModelAgent | null = null;

  const short = (value: unknown): string =>
    JSON.stringify(value, (_name, part: unknown) => (typeof part === 'string' ? part.slice(-10) : part));
  const note = (line: string): void => {
    history.push(line);
    if (history.length > HISTORY_SHOWN) history.shift();
  };
  const fail = (what: string): never => {
    throw new Violation([what, 'Before this:', ...history.map((line) => `  ${line}`)].join('\n'));
  };

  const repeat = async <T>(
    what: string,
    send: (attempt: number) => Promise<T>,
    codeOf: (result: T) => string,
  ): Promise<{ result: T; failedAttempts: number }> => {
    let failedAttempts = 0;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const result = await send(attempt);
      const code = codeOf(result);
      if (!REPEATED.has(code)) return { result, failedAttempts };
      tally.repeated(code);
      if (UNKNOWN_OUTCOMES.has(code)) failedAttempts += 1;
      await delay(RETRY_AFTER_MS);
    }
    return fail(`${what} got no definite response in ${MAX_ATTEMPTS} attempts`);
  };

  /** Sends an operation until its response is definite. Repeats it at other APIs, as behind a load balancer. */
  const operate = async (op: Operation, idempotencyKey: string, api: number): Promise<CompletedOperation> => {
    const sentAt = (clock += 1);
    const { result: reply, failedAttempts } = await repeat<Reply>(
      short(op),
      (attempt) => sendOperation(apis[(api + attempt) % apis.length]!, partner, op, idempotencyKey),
      ({ code }) => code,
    );
    const answeredAt = (clock += 1);
    tally.operation(op.kind, reply.code);
    if (reply.key !== null) keys.push({ secret: reply.key, agentId: agentIdOf(op) });
    return { op, reply, failedAttempts, sentAt, answeredAt };
  };
  const agentIdOf = (op: Operation): string | null =>
    'agentId' in op ? op.agentId : 'target' in op ? op.target : null;

  const probe = async (key: ModelKey, what: ProbeKind, api: number): Promise<Observation & { text: string }> => {
    const sentAt = (clock += 1);
    const partnerKey = states[0]!.partner.key;
    const { result } = await repeat(what, () => sendProbe(apis[api]!, key, what, partnerKey), String);
    const answeredAt = (clock += 1);
    tally.probe(result);
    const owner = key.agentId ?? 'the partner';
    const text = `API ${api}: ${what} with key ${keys.indexOf(key)} of ${owner.slice(-10)} got ${result}`;
    const matches = (state: ModelState): boolean => explains(state, key, { what, partnerKey, outcome: result });
    return { sentAt, answeredAt, text, matches };
  };

  /** Chooses a key, every other time one of an agent that the last operations may have affected. */
  const pickKey = (pick: number): ModelKey => {
    const about = near;
    const related = about
      ? keys.filter(({ agentId }) => agentId !== null && states[0]!.agents.get(agentId)?.path.includes(about.id))
      : [];
    const from = pick % 2 === 0 && related.length > 0 ? related : keys;
    return from[Math.floor(pick / 2) % from.length]!;
  };

  /** Narrows the possible states down to those that fit the responses. Fails if there are none. */
  const check = (operations: CompletedOperation[], observations: (Observation & { text: string })[]): void => {
    const before = states;
    states =
      operations.length > 0
        ? possibleStates(before, operations, observations)
        : before.filter((state) => observations.every(({ matches }) => matches(state)));
    const lines = [
      ...operations.map(({ op, reply, failedAttempts, sentAt, answeredAt }) => {
        return `${sentAt}–${answeredAt} ${short(op)} got ${reply.code}, ${failedAttempts} failed attempts`;
      }),
      ...observations.map(({ text, sentAt, answeredAt, matches }) => {
        return `${sentAt}–${answeredAt} ${text}${before.some(matches) ? '' : ' (not possible before)'}`;
      }),
    ];
    if (states.length === 0) fail(['The model has no explanation for these responses:', ...lines].join('\n  '));
    if (states.length > MAX_STATES) fail(`${states.length} states are possible, which is too many to check.`);
    lines.forEach(note);
  };

  const resolve = (
    command: OperationCommand,
    callingAgent: ModelAgent | null = null,
  ): { op: Operation; idempotencyKey: string } => {
    requested += 1;
    const idempotencyKey = `op-${requested}`;
    const op = operationOf(command, { state: states[0]!, partner, keys, near, callingAgent, idempotencyKey });
    const about = 'parent' in op ? op.parent : agentIdOf(op);
    near ??= (about === null ? undefined : states[0]!.agents.get(about)) ?? null;
    return { op, idempotencyKey };
  };

  const probeInOrder = async (commands: readonly ProbeCommand[]): Promise<void> => {
    for (const { pick, what, api } of commands) check([], [await probe(pickKey(pick), what, api)]);
  };

  /** Submits events as agents below another one. Only submissions show which event types a key may use. */
  const submitBelow = async (agentId: string, api: number): Promise<void> => {
    const { agents } = states[0]!;
    const isBelowIt = (key: ModelKey): boolean => {
      const agent = key.agentId === null ? undefined : agents.get(key.agentId);
      return agent !== undefined && agent.key === key.secret && isBelow(agent, agentId);
    };
    for (const key of keys.filter(isBelowIt).slice(0, MAX_SUBMITTING)) check([], [await probe(key, 'submit', api)]);
  };

  const dropWholeCache = (): Promise<void> =>
    cluster.dropCache(
      partner,
      states[0]!.agents.keys(),
      keys.map(({ secret }) => secret),
    );

  const race = async ({ changes, stopsCaller, probes, dropCache }: Command & { command: 'race' }): Promise<void> => {
    near = null;
    const resolved = changes.map((change, n) => {
      const isStop = stopsCaller && n === 0;
      const kind = isStop ? STOPS[change.target % STOPS.length]! : change.kind;
      return { ...resolve({ ...change, kind }, stopsCaller && !isStop ? near : null), api: change.api };
    });
    const dropped = dropCache ? dropWholeCache() : Promise.resolve();
    const operations = resolved.map(({ op, idempotencyKey, api }) => operate(op, idempotencyKey, api));
    const observations = probes.map(async ({ what, pick, api, after }) => {
      const key = pickKey(pick);
      await (operations[after] ?? delay(pick % MAX_PROBE_DELAY_MS));
      return probe(key, what, api);
    });
    const [done, seen] = await Promise.all([Promise.all(operations), Promise.all(observations), dropped]);
    check(done, seen);
  };

  const run = async (command: Command): Promise<void> => {
    switch (command.command) {
      case 'change': {
        near = null;
        const { op, idempotencyKey } = resolve(command.change);
        check([await operate(op, idempotencyKey, command.change.api)], []);
        if (op.kind === 'narrow') await submitBelow(op.target, command.change.api);
        return probeInOrder(command.probes);
      }
      case 'race':
        return race(command);
      case 'dropCache':
        await dropWholeCache();
        note('the cache was dropped');
        return probeInOrder(command.probes);
      case 'probe':
        return probeInOrder(command.probes);
      case 'cutRedis':
      case 'stopWorkers':
        note(command.command);
        return cluster[command.command]();
    }
  };

  /** Probes every key once, at one of the APIs. */
  const sweep = async (): Promise<void> => {
    for (let first = 0; first < keys.length; first += SWEEP_WIDTH) {
      const some = keys.slice(first, first + SWEEP_WIDTH).map((key, n) => {
        return probe(key, PROBES[(first + n) % PROBES.length]!, (first + n) % apis.length);
      });
      check([], await Promise.all(some));
    }
  };

  const compareTree = async (): Promise<void> => {
    const { key } = states[0]!.partner;
    const { result } = await repeat(
      'the tree',
      (attempt) => apis[attempt % apis.length]!.request('GET', '/v1/agents/tree?limit=100', { key }),
      ({ status, body }) => (status === 200 ? 'OK' : (body.code as string)),
    );
    const { status, body } = result;
    if (status !== 200) fail(`The tree got ${status}`);
    const found = new Map(
      (body.data as { agentId: string; status: string }[]).map((node) => [node.agentId, node.status]),
    );
    const isSame = (state: ModelState): boolean =>
      state.agents.size === found.size &&
      [...state.agents.values()].every((agent) => found.get(agent.id) === effectiveStatus(state, agent));
    const expected = [...states[0]!.agents.values()].map((agent) => [agent.id, effectiveStatus(states[0]!, agent)]);
    states = states.filter(isSame);
    if (states.length === 0) fail(`The tree is ${short([...found])}, but the model has ${short(expected)}`);
  };

  /** Waits for the cascades and checks that no revoked agent has a key left in the database. */
  const compareStoredKeys = async (): Promise<void> => {
    await cluster.workersRun();
    const { cascades, agents } = ctx.store;
    await waitUntil('the cascades are closed', async () => {
      return (await cascades.model.countDocuments({ tenant, closedAt: null })) === 0;
    });
    const [state] = states;
    const withKey = await agents.model.find({ tenant, key: { $ne: null } }, { _id: 1 }).lean<{ _id: string }[]>();
    const revoked = withKey.filter(({ _id }) => {
      return ['REVOKED', 'REJECTED'].includes(effectiveStatus(state!, state!.agents.get(_id)!));
    });
    if (revoked.length > 0) fail(`Revoked agents still have keys: ${short(revoked)}`);
  };

  const admin = async (change: Partial<ModelState['partner']>): Promise<void> =>
    check([await operate({ kind: 'changePartner', change }, '', 0)], []);

  const caller = { secret: partner.liveKey, agentId: null };
  check([await operate({ kind: 'policy', caller, policy: FIRST_POLICY }, 'op-0', 0)], []);
  return {
    run,
    settle: async () => {
      await admin({ suspended: false, enterprise: true });
      await sweep();
      await compareTree();
      await compareStoredKeys();
      await sweep();
    },
  };
}
