import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import { FAULT_PATHS, type Fault, type Item } from './generate-day';
import { type ApiAnswer, type ApiCall, callApi, inParallel } from './http';
import type { DemoRequest } from './requests';

const ACCEPTED = 202;
const UNPROCESSABLE = 422;

const fieldErrors = z.array(z.object({ index: z.int().optional(), path: z.string(), code: z.string() }));
const acceptedSchema = z.object({
  receiptId: z.string(),
  receivedAt: z.iso.datetime(),
  accepted: z.int().default(1),
  rejected: z.int().default(0),
  errors: fieldErrors.default([]),
});
const problemSchema = z.object({ code: z.string(), errors: fieldErrors.default([]) });

/** What is known of a partner while the demo runs. */
export interface SimulatedPartner {
  name: string;
  partnerId: string;
  apiKey: string;
}

/** A receipt that has to settle, and what it must say of how many. */
export interface PendingReceipt {
  partner: number;
  receiptId: string;
  accepted: number;
  conflicts: number;
}

/** What the API said while the requests were sent. */
export interface Sent {
  receipts: PendingReceipt[];
  /** Newest receivedAt by partner. */
  lastReceivedMs: number[];
  submitted: number;
  requests: number;
  rejections: number;
  uncertain: number;
  /** Answers that differ from what they must be. */
  problems: string[];
}

/** An empty record of a run. */
export function nothingSent(partners: number): Sent {
  const lastReceivedMs = Array.from({ length: partners }, () => 0);
  return { receipts: [], lastReceivedMs, submitted: 0, requests: 0, rejections: 0, uncertain: 0, problems: [] };
}

interface SendOptions {
  url: string;
  partners: readonly SimulatedPartner[];
  concurrency: number;
  onSent: (events: number) => void;
}

/** Sends the requests with bounded concurrency and notes in `sent` every answer that is not as it must be. */
export async function sendRequests(requests: DemoRequest[], sent: Sent, options: SendOptions): Promise<void> {
  await inParallel(requests, options.concurrency, async (request, index) => {
    const partner = options.partners[request.partner]!;
    const answer = await callApi(options.url, toCall(request, partner.apiKey));
    note(sent, request, answer, `${partner.name}, ${request.shape} ${index}`);
    options.onSent(request.items.length);
  });
}

/** The HTTP form of a request. */
export function toCall({ shape, gzip, items }: DemoRequest, apiKey: string): ApiCall {
  const headers: Record<string, string> = {};
  let text: string;
  if (shape === 'single') {
    const { idempotencyKey, ...event } = items[0]!.event;
    headers['idempotency-key'] = `"${idempotencyKey}"`;
    text = JSON.stringify(event);
  } else if (shape === 'ndjson') {
    headers['content-type'] = 'application/x-ndjson';
    text = items.map(({ event }) => `${JSON.stringify(event)}\n`).join('');
  } else {
    text = JSON.stringify({ events: items.map(({ event }) => event) });
  }
  if (!gzip) return { path: '/v1/events', apiKey, headers, body: text };
  headers['content-encoding'] = 'gzip';
  return { path: '/v1/events', apiKey, headers, body: new Uint8Array(gzipSync(text)) };
}

function isFault(fate: Item['fate']): fate is Fault {
  return fate in FAULT_PATHS;
}

function note(sent: Sent, request: DemoRequest, answer: ApiAnswer, label: string): void {
  const { items } = request;
  sent.requests += 1;
  sent.submitted += items.length;
  sent.rejections += answer.rejections;
  sent.uncertain += answer.uncertain;
  const problems = items.every(({ fate }) => isFault(fate))
    ? rejectionProblems(items, answer)
    : acceptanceProblems(sent, request, answer);
  sent.problems.push(...problems.map((problem) => `${label}: ${problem}`));
}

/** A request of faulty items alone must be refused with 422, each field named. */
function rejectionProblems(items: Item[], { status, body }: ApiAnswer): string[] {
  const problem = problemSchema.safeParse(body);
  if (status !== UNPROCESSABLE || !problem.success) return [unexpected(UNPROCESSABLE, status, body)];
  const { errors } = problem.data;
  return items.flatMap(({ fate }) => {
    const path = FAULT_PATHS[fate as Fault];
    return errors.some((error) => error.path.includes(path)) ? [] : [`no error names ${path}`];
  });
}

function acceptanceProblems(sent: Sent, { partner, shape, items }: DemoRequest, { status, body }: ApiAnswer): string[] {
  const conflicts = items.filter(({ fate }) => fate === 'CONFLICT').length;
  if (shape === 'single' && conflicts === 1 && status === UNPROCESSABLE) {
    const code = problemSchema.safeParse(body).data?.code;
    return code === 'IDEMPOTENCY_KEY_REUSED' ? [] : [`refused with ${code} instead of IDEMPOTENCY_KEY_REUSED`];
  }
  const parsed = acceptedSchema.safeParse(body);
  if (status !== ACCEPTED || !parsed.success) return [unexpected(ACCEPTED, status, body)];
  const { receiptId, receivedAt, accepted, rejected, errors } = parsed.data;
  sent.receipts.push({ partner, receiptId, accepted, conflicts });
  sent.lastReceivedMs[partner] = Math.max(sent.lastReceivedMs[partner]!, Date.parse(receivedAt));
  const faulty = items.flatMap(({ fate }, index) => (isFault(fate) ? [{ index, path: FAULT_PATHS[fate] }] : []));
  const named = new Set(errors.map(({ index }) => index));
  const problems = faulty
    .filter(({ index, path }) => !errors.some((error) => error.index === index && error.path.startsWith(path)))
    .map(({ index, path }) => `item ${index} was not refused for its ${path}`);
  if (named.size > faulty.length) problems.push(`good items were refused: ${JSON.stringify(errors).slice(0, 300)}`);
  if (rejected !== faulty.length || accepted !== items.length - faulty.length) {
    problems.push(`accepted ${accepted}, rejected ${rejected} of ${items.length} with ${faulty.length} faulty`);
  }
  return problems;
}

function unexpected(wanted: number, status: number, body: unknown): string {
  return `answered ${status} instead of ${wanted}: ${JSON.stringify(body).slice(0, 300)}`;
}
