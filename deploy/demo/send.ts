import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import { FAULT_PATHS, type Fault, type Item } from './generate-day';
import { type ApiResponse, type ApiCall, callApi, inParallel } from './http';
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

/** A partner created for the demo. */
export interface SimulatedPartner {
  name: string;
  partnerId: string;
  apiKey: string;
}

/** A receipt to poll, with its expected counts. */
export interface PendingReceipt {
  partner: number;
  receiptId: string;
  accepted: number;
  conflicts: number;
}

/** Results of sending the requests. */
export interface Sent {
  receipts: PendingReceipt[];
  /** Latest receivedAt of each partner. */
  lastReceivedMs: number[];
  submitted: number;
  requests: number;
  rejections: number;
  uncertain: number;
  /** Unexpected responses. */
  problems: string[];
}

/** Returns an empty result. */
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

/** Sends the requests with bounded concurrency and records the results in `sent`. */
export async function sendRequests(requests: DemoRequest[], sent: Sent, options: SendOptions): Promise<void> {
  await inParallel(requests, options.concurrency, async (request, index) => {
    const partner = options.partners[request.partner]!;
    const response = await callApi(options.url, toCall(request, partner.apiKey));
    record(sent, request, response, `${partner.name}, ${request.shape} ${index}`);
    options.onSent(request.items.length);
  });
}

/** Returns the HTTP call for a request. */
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

function record(sent: Sent, request: DemoRequest, response: ApiResponse, label: string): void {
  const { items } = request;
  sent.requests += 1;
  sent.submitted += items.length;
  sent.rejections += response.rejections;
  sent.uncertain += response.uncertain;
  const problems = items.every(({ fate }) => isFault(fate))
    ? rejectionProblems(items, response)
    : acceptanceProblems(sent, request, response);
  sent.problems.push(...problems.map((problem) => `${label}: ${problem}`));
}

/** Checks that a request that contains only faulty items returns 422 with an error for each faulty field. */
function rejectionProblems(items: Item[], { status, body }: ApiResponse): string[] {
  const problem = problemSchema.safeParse(body);
  if (status !== UNPROCESSABLE || !problem.success) return [unexpected(UNPROCESSABLE, status, body)];
  const { errors } = problem.data;
  return items.flatMap(({ fate }) => {
    const path = FAULT_PATHS[fate as Fault];
    return errors.some((error) => error.path.includes(path)) ? [] : [`no error reports ${path}`];
  });
}

function acceptanceProblems(
  sent: Sent,
  { partner, shape, items }: DemoRequest,
  { status, body }: ApiResponse,
): string[] {
  const conflicts = items.filter(({ fate }) => fate === 'CONFLICT').length;
  if (shape === 'single' && conflicts === 1 && status === UNPROCESSABLE) {
    const code = problemSchema.safeParse(body).data?.code;
    return code === 'IDEMPOTENCY_KEY_REUSED' ? [] : [`rejected with ${code} instead of IDEMPOTENCY_KEY_REUSED`];
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
    .map(({ index, path }) => `item ${index} was not rejected for its ${path}`);
  if (named.size > faulty.length) problems.push(`valid items were rejected: ${JSON.stringify(errors).slice(0, 300)}`);
  if (rejected !== faulty.length || accepted !== items.length - faulty.length) {
    problems.push(
      `accepted ${accepted} and rejected ${rejected} of ${items.length} items, ${faulty.length} of them faulty`,
    );
  }
  return problems;
}

function unexpected(wanted: number, status: number, body: unknown): string {
  return `got ${status} instead of ${wanted}: ${JSON.stringify(body).slice(0, 300)}`;
}
