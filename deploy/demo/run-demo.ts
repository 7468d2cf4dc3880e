import { messageOf } from '../../shared/errors';
import { checkSignals } from './check';
import { checkStore } from './check-store';
import { countUsers, totalOf } from './count';
import { createPartner } from './create-partners';
import { generateDay, type PartnerDay } from './generate-day';
import { callApi } from './http';
import type { DemoOptions } from './options';
import { showProgress } from './progress';
import { differencesText, hotUsersTable, type PartnerResult, partnersTable } from './report';
import { type DemoRequest, planRequests } from './requests';
import { type SimulatedPartner, nothingSent, type Sent, sendRequests } from './send';
import { type FinalReceipts, awaitReceipts } from './await-receipts';

// Long enough for a slow machine with injected faults. A healthy system needs only seconds.
const FINALIZE_BASE_MS = 120_000;
const FINALIZE_PER_EVENT_MS = 5;
/** Long enough for a system that is just starting, but much shorter than the retry period of other requests. */
const REACH_TIMEOUT_MS = 5_000;
const UNKNOWN_USERS = ['unknown-1', 'unknown-2'];

interface Run {
  options: DemoOptions;
  partners: SimulatedPartner[];
  sent: Sent;
  totals: FinalReceipts['totals'];
  problems: string[];
  finalizeForMs: number;
}

/** Runs the demo against a running system, checks every user and prints the results. Returns the exit code. */
export async function runDemo(options: DemoOptions, cli: string, print: (line: string) => void): Promise<number> {
  await reach(options.url);
  const days = generateDay({ seed: options.seed, events: options.events, endMs: Date.now() });
  const plan = planRequests(days, options);
  const partners = await Promise.all(days.map(({ profile }) => createPartner(cli, profile, options.env)));
  print(`Simulating one day for three partners at ${options.url} (${options.env}, seed ${options.seed}).`);
  const run: Run = {
    options,
    partners,
    sent: nothingSent(partners.length),
    totals: partners.map(() => ({ persisted: 0, duplicates: 0, conflicts: 0, failed: 0 })),
    problems: [],
    finalizeForMs: FINALIZE_BASE_MS + FINALIZE_PER_EVENT_MS * options.events,
  };
  const startedAtMs = performance.now();
  await submit(run, 'day', plan.day);
  const sentAtMs = performance.now();
  await finalize(run, 'receipts', 0);
  const pace = paceLine(run, sentAtMs - startedAtMs, performance.now() - sentAtMs);
  const before = run.sent.receipts.length;
  await submit(run, 'evening', plan.evening);
  await finalize(run, 'receipts', before);
  print(pace);
  const results = await check(run, days);
  print(partnersTable(results));
  print(hotUsersTable(results, options.rules, Date.now()));
  return conclude(run, results, print);
}

async function reach(url: string): Promise<void> {
  const call = { path: '/healthz', apiKey: '', method: 'GET' } as const;
  const status = await callApi(url, call, REACH_TIMEOUT_MS).then(
    (response) => `/healthz returned ${response.status}`,
    (error: unknown) => messageOf(error),
  );
  if (status !== '/healthz returned 200')
    throw new Error(`Cannot reach MIR at ${url}: ${status}. Start it with \`npm start\`, or set --url.`);
}

async function submit({ options, partners, sent }: Run, label: string, requests: DemoRequest[]): Promise<void> {
  const events = requests.reduce((sum, { items }) => sum + items.length, 0);
  const progress = showProgress(label, events);
  try {
    await sendRequests(requests, sent, { ...options, partners, onSent: (count) => progress.add(count) });
  } finally {
    progress.stop();
  }
}

async function finalize(run: Run, label: string, from: number): Promise<void> {
  const receipts = run.sent.receipts.slice(from);
  const progress = showProgress(label, receipts.length);
  try {
    const final = await awaitReceipts(receipts, {
      ...run.options,
      partners: run.partners,
      deadlineMs: Date.now() + run.finalizeForMs,
      onFinal: () => progress.add(1),
    });
    run.problems.push(...final.problems);
    final.totals.forEach((total, n) => {
      for (const name of ['persisted', 'duplicates', 'conflicts', 'failed'] as const) {
        run.totals[n]![name] += total[name];
      }
    });
  } finally {
    progress.stop();
  }
}

async function check(run: Run, days: PartnerDay[]): Promise<PartnerResult[]> {
  const { options, partners, sent, totals } = run;
  const expected = days.map(countUsers);
  const checks = await Promise.all(
    partners.map((partner, n) =>
      checkSignals(expected[n]!, UNKNOWN_USERS, {
        ...options,
        partner,
        throughMs: sent.lastReceivedMs[n]!,
        deadlineMs: Date.now() + run.finalizeForMs,
      }),
    ),
  );
  const store = await checkStore(
    options.mongoUrl,
    partners.map(({ partnerId, name }, n) => ({
      tenant: `${partnerId}:${options.env}`,
      name,
      expected: expected[n]!,
    })),
  );
  run.problems.push(...store.differences);
  return partners.map(({ name }, n) => ({
    name,
    expected: expected[n]!,
    final: totals[n]!,
    checked: checks[n]!,
    store: store.totals[n]!,
  }));
}

/**
 * Checks that the receipts report every event as persisted exactly once. Allows fewer persisted events if responses
 * were lost.
 */
function receiptDifferences({ sent }: Run, results: readonly PartnerResult[]): string[] {
  return results.flatMap(({ name, expected, final: { persisted } }) => {
    const wanted = totalOf(expected);
    const isExpected = persisted === wanted || (sent.uncertain > 0 && persisted < wanted);
    return isExpected ? [] : [`${name}: receipts report ${persisted} persisted events, expected ${wanted}`];
  });
}

function conclude(run: Run, results: PartnerResult[], print: (line: string) => void): number {
  const { sent, problems } = run;
  const differences = [
    ...sent.problems,
    ...problems,
    ...results.flatMap(({ checked }) => checked.differences),
    ...receiptDifferences(run, results),
  ];
  if (differences.length > 0) {
    print(differencesText(differences));
    return 1;
  }
  const users = results.reduce((sum, { checked }) => sum + checked.users, 0);
  const sources = new Map<string, number>();
  for (const { checked } of results) {
    for (const [source, count] of Object.entries(checked.sources)) {
      sources.set(source, (sources.get(source) ?? 0) + count);
    }
  }
  const from = [...sources].map(([source, count]) => `${count} from ${source}`).join(', ');
  print(
    `The receipts, the events in MongoDB and the signals of all ${users} users match the generated events (${from}).`,
  );
  return 0;
}

function paceLine({ sent }: Run, sendMs: number, finalizeMs: number): string {
  const pace = Math.round((sent.submitted / sendMs) * 1000).toLocaleString('en-US');
  return (
    `${sent.submitted.toLocaleString('en-US')} events in ${sent.requests} requests: ` +
    `${(sendMs / 1000).toFixed(1)} s to submit the day (${pace} events/s), ` +
    `${(finalizeMs / 1000).toFixed(1)} s more until every receipt was final. ` +
    `Retries: ${sent.rejections} after 429, ${sent.uncertain} after 503 or no response.`
  );
}
