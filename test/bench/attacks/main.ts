import { gzipSync } from 'node:zlib';
import autocannon from 'autocannon';
import { newApiKey } from '../../../shared/domain/api-key';
import { newPartnerTag } from '../../../shared/domain/ids';
import { insertPartner } from '../../support/harness';
import { submitted } from '../events';
import { startProgram } from '../processes';
import { type BenchEnvironment, runBench } from '../environment';
import { readOptions } from '../options';
import { atMost, median } from '../result';

const BYSTANDER_CONNECTIONS = 4;
const BYSTANDER_USERS = 1_000;
const DEFAULT_LIMITS = { eventsPerMinute: 60_000, requestsPerMinute: 6_000 };
const JUNK_ITEMS = 5_000;
const JUNK_FIELDS = 110;
const MIB = 1024 * 1024;

interface Attack {
  id: string;
  name: string;
  headers: Record<string, string>;
  body: string | Buffer;
  /** Returns the key for a request. If absent, all requests use the key of a partner with default limits. */
  keys?: () => string;
}

const unknownKey = (): string => newApiKey('live', newPartnerTag()).key;
const junkFields = Object.fromEntries(Array.from({ length: JUNK_FIELDS }, (_, n) => [`f${n}`, 1]));
const distinctFields = (item: number) =>
  Object.fromEntries(Array.from({ length: 60 }, (_, n) => [(item * 60 + n).toString(36), 1]));
const gzip = { 'content-encoding': 'gzip' };
const oneUnknownKey = unknownKey();

/**
 * Requests that cost the API CPU time before it can reject them: the attacks described in issue 10 and close variants.
 */
const ATTACKS: Attack[] = [
  {
    id: 'unknown-key-lines',
    name: 'unknown key, 15 KB of {} lines',
    headers: { 'content-type': 'application/x-ndjson' },
    body: '{}\n'.repeat(5_000),
    keys: () => oneUnknownKey,
  },
  {
    id: 'unknown-key-numbers',
    name: 'unknown key, batch of 5,000 numbers',
    headers: {},
    body: `{"events":[${'1,'.repeat(4_999)}1]}`,
    keys: () => oneUnknownKey,
  },
  {
    id: 'new-keys',
    name: 'a new unknown key per request, {} lines',
    headers: { 'content-type': 'application/x-ndjson' },
    body: '{}\n'.repeat(5_000),
    keys: unknownKey,
  },
  {
    id: 'unknown-fields',
    name: 'gzip of 5,000 items with 110 unknown fields',
    headers: gzip,
    body: gzipSync(JSON.stringify({ events: Array.from({ length: JUNK_ITEMS }, () => junkFields) })),
  },
  { id: 'nesting', name: 'gzip of 5 MiB of [', headers: gzip, body: gzipSync('['.repeat(5 * MIB)) },
  {
    id: 'distinct-fields',
    name: 'gzip of 5,000 items with 60 distinct fields',
    headers: gzip,
    body: gzipSync(JSON.stringify({ events: Array.from({ length: JUNK_ITEMS }, (_, n) => distinctFields(n)) })),
  },
  { id: 'spaces', name: 'gzip of 5 MiB of spaces', headers: gzip, body: gzipSync(' '.repeat(5 * MIB)) },
];

const options = readOptions(
  {
    name: 'bench:attacks',
    summary: "Measures how attacks on the API's CPU affect another partner.",
    figures: ATTACKS.map(({ id }) => id),
  },
  {
    rounds: { default: 3, meaning: 'rounds per attack' },
    seconds: { default: 8, meaning: 'seconds per round' },
    connections: { default: 40, meaning: 'connections of the attacker' },
  },
);
const { rounds, seconds, connections, selected } = options;

interface Figures {
  p50: number;
  p99: number;
  rejected: number;
  perSecond: number;
}

/** Sends one event per request as another partner, over a few connections, while the attack runs. */
async function bystander(port: number, key: string): Promise<Figures> {
  const result = await autocannon({
    url: `http://127.0.0.1:${port}/v1/events`,
    connections: BYSTANDER_CONNECTIONS,
    duration: seconds,
    requests: Array.from({ length: 200 }, (_, n) => ({
      method: 'POST' as const,
      body: JSON.stringify(submitted(n, BYSTANDER_USERS)),
      headers: { 'content-type': 'application/json', 'x-api-key': key },
    })),
  });
  const { p50, p99 } = result.latency;
  return { p50, p99, rejected: result.non2xx + result.errors, perSecond: result.requests.average };
}

async function attack(port: number, { headers, body, keys }: Attack, ownKey: string): Promise<{ perSecond: number }> {
  const result = await autocannon({
    url: `http://127.0.0.1:${port}/v1/events`,
    connections,
    duration: seconds,
    timeout: 60,
    requests: Array.from({ length: keys ? 5_000 : 1 }, () => ({
      method: 'POST' as const,
      body,
      headers: { 'content-type': 'application/json', ...headers, 'x-api-key': keys ? keys() : ownKey },
    })),
  });
  return { perSecond: result.requests.average };
}

async function round(
  environment: BenchEnvironment,
  port: number,
  one: Attack | null,
): Promise<Figures & { attacksPerSecond: number }> {
  const { liveKey: victim } = environment.partner;
  const { liveKey } = await insertPartner(environment.ctx.store, { limits: DEFAULT_LIMITS });
  const [figures, attacks] = await Promise.all([
    bystander(port, victim),
    one ? attack(port, one, liveKey) : { perSecond: 0 },
  ]);
  await environment.clearQueue();
  return { ...figures, attacksPerSecond: attacks.perSecond };
}

/**
 * Measures how an attack on the API's CPU affects another partner. The API passes if it rejects none of that partner's
 * requests and their p99 latency is at most 3 times the idle p99 plus 20 ms.
 */
runBench({ name: 'bench:attacks', options }, async (environment, reporter) => {
  const api = await startProgram('api/main.js', environment.env);
  await round(environment, api.port, null);
  for (const one of ATTACKS.filter(({ id }) => selected.has(id))) {
    const idle: Figures[] = [];
    const under: (Figures & { attacksPerSecond: number })[] = [];
    for (let n = 0; n < rounds; n += 1) {
      idle.push(await round(environment, api.port, null));
      under.push(await round(environment, api.port, one));
    }
    const p99 = (all: Figures[]): number[] => all.map((figures) => figures.p99);
    reporter.add({
      id: one.id,
      name: `another partner's POST /events during ${one.name}, p99`,
      unit: 'ms',
      values: p99(under),
      limit: atMost(3 * median(p99(idle)) + 20),
      sides: [
        { name: 'idle', unit: 'ms', values: p99(idle) },
        { name: 'attacks', unit: '/s', values: under.map(({ attacksPerSecond }) => attacksPerSecond) },
      ],
    });
    reporter.add({
      id: `${one.id}-rejected`,
      name: `another partner's rejected requests during ${one.name}`,
      unit: 'requests',
      values: under.map(({ rejected }) => rejected),
      limit: atMost(0),
      sides: [],
    });
  }
  await api.stop();
});
