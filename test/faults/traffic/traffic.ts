import { setTimeout as delay } from 'node:timers/promises';
import { tenantOf } from '../../../shared/domain/ids';
import { messageWithCauses } from '../../../shared/errors';
import { UNLIMITED } from '../../bench/environment';
import { anAgent } from '../../support/agents';
import { type ApiClient, createClient } from '../../support/client';
import { insertPartner } from '../../support/harness';
import { waitUntil } from '../../support/wait-until';
import type { FaultEnvironment } from '../environment';
import { createOracle, type ExpectedPartner, type Oracle } from '../oracle/oracle';
import { randomFrom } from '../random';
import { agentClient } from './agent-client';
import { eventClient } from './event-clients';
import { erasureClient, linkClient } from './people-clients';
import { reader } from './readers';
import type { ClientDeps } from './submit';
import type { Transport } from './transport';

const PARTNERS = ['bulk', 'agents', 'small', 'people', 'other people', 'probe'] as const;
type PartnerName = (typeof PARTNERS)[number];

const BULK_CLIENTS = 4;
const BULK_USERS = 2_000;
const BULK_BATCH = { from: 50, to: 500 };
const FEW_USERS = 100;
/** Pauses between the requests of clients whose requests are not paced by events. */
const SINGLE_PAUSE_MS = 25;
const READ_PAUSE_MS = 25;
const PEOPLE_PAUSE_MS = 500;
const AGENT_PAUSE_MS = 2_000;
/** How far submissions may fall behind the rate before the rest is not caught up. */
const MAX_BEHIND_MS = 1_000;
const REGISTER_TIMEOUT_MS = 60_000;

/** The clients of one chapter, and what they know. */
export interface Traffic {
  oracle: Oracle;
  deps: ClientDeps;
  partner(name: PartnerName): ExpectedPartner;
  /** Stops the clients once their submissions are acknowledged. */
  stop(): Promise<void>;
}

interface Options {
  environment: FaultEnvironment;
  transport: Transport;
  seed: number;
  /** Distinguishes the chapters of a seed. */
  chapter: string;
  rate: number;
  report: (violation: string) => void;
  abandoned: AbortSignal;
}

/** Returns a function that resolves when the given number of events may be submitted. */
function paceAt(perSecond: number): (events: number) => Promise<void> {
  let dueAt = performance.now();
  return async (events) => {
    dueAt = Math.max(dueAt, performance.now() - MAX_BEHIND_MS) + (events / perSecond) * 1_000;
    const waitMs = dueAt - performance.now();
    if (waitMs > 0) await delay(waitMs);
  };
}

/** Registers an agent and returns its key. Retries, because a busy machine may be overloaded at the start. */
async function newAgent(client: ApiClient, key: string, changes: Record<string, unknown>): Promise<string> {
  let apiKey = '';
  await waitUntil(
    'an agent is registered',
    async () => {
      const { status, body } = await client.post('/v1/agents', key, anAgent(changes));
      apiKey = body?.apiKey;
      return status === 201;
    },
    REGISTER_TIMEOUT_MS,
  );
  return apiKey;
}

/** Creates new partners and starts their clients. */
export async function startTraffic(options: Options): Promise<Traffic> {
  const { environment, transport, seed, chapter, rate, report, abandoned } = options;
  const { ctx, apis } = environment;
  const partners: ExpectedPartner[] = [];
  for (const name of PARTNERS) {
    const limits = { ...UNLIMITED.limits, queueSharePercent: 50 };
    const partner = await insertPartner(ctx.store, { limits });
    partners.push({
      name,
      partner,
      tenant: tenantOf(partner.partnerId, 'live'),
      users: new Map(),
      lastReceivedAtMs: 0,
    });
  }
  const named = (name: PartnerName): ExpectedPartner => partners[PARTNERS.indexOf(name)]!;
  const oracle = createOracle(partners);
  const depsOf = (client: string): ClientDeps => ({
    oracle,
    transport,
    random: randomFrom(seed, 'traffic', chapter, client),
    report,
    abandoned,
  });
  const liveClient = (): ApiClient => createClient(`http://127.0.0.1:${apis[0]!.port()}`);
  const agentsKey = named('agents').partner.liveKey;
  const assistant = await newAgent(liveClient(), agentsKey, { preset: 'STANDARD' });
  const ai = await newAgent(liveClient(), agentsKey, {
    type: 'AI_AGENT',
    preset: 'STANDARD',
    allowedEventTypes: ['mir.transaction.*'],
  });

  const stopping = new AbortController();
  const running: Promise<void>[] = [];
  const repeat = (work: () => Promise<void>, pauseMs: number): void => {
    const loop = async (): Promise<void> => {
      while (!stopping.signal.aborted && !abandoned.aborted) {
        await work();
        if (pauseMs > 0) await delay(pauseMs);
      }
    };
    running.push(loop().catch((error: unknown) => report(`a client failed: ${messageWithCauses(error)}`)));
  };
  const pace = paceAt(rate);
  const freely = (): Promise<void> => Promise.resolve();
  const bulk = { users: BULK_USERS, batch: BULK_BATCH, pace };
  for (let n = 0; n < BULK_CLIENTS; n += 1) {
    const own = { ...bulk, partner: named('bulk'), key: named('bulk').partner.liveKey, name: `bulk-${n}` };
    repeat(eventClient(depsOf(own.name), own), 0);
  }
  const few = { users: FEW_USERS, batch: { from: 1, to: 1 }, pace: freely };
  const agents = { ...few, partner: named('agents') };
  const batches = { ...agents, key: assistant, name: 'assistant', batch: { from: 1, to: 100 }, pace };
  repeat(eventClient(depsOf('assistant'), batches), SINGLE_PAUSE_MS);
  const types = ['mir.transaction.completed', 'mir.transaction.refunded'];
  const aiEvents = { ...agents, key: ai, name: 'ai', types, unkeyed: false };
  repeat(eventClient(depsOf('ai'), aiEvents), SINGLE_PAUSE_MS);
  for (const name of ['small-0', 'small-1']) {
    const own = { ...few, partner: named('small'), key: named('small').partner.liveKey, name };
    repeat(eventClient(depsOf(name), own), SINGLE_PAUSE_MS);
  }
  repeat(erasureClient(depsOf('erasures'), named('people')), PEOPLE_PAUSE_MS);
  const linked = [named('people'), named('other people')] as const;
  repeat(linkClient(depsOf('links'), { ctx, client: liveClient }, linked), PEOPLE_PAUSE_MS);
  repeat(agentClient(depsOf('agents'), named('agents'), apis), AGENT_PAUSE_MS);
  for (const name of ['reader-0', 'reader-1']) repeat(reader(depsOf(name)), READ_PAUSE_MS);
  return {
    oracle,
    deps: depsOf('probe'),
    partner: named,
    stop: async () => {
      stopping.abort();
      await Promise.all(running);
    },
  };
}
