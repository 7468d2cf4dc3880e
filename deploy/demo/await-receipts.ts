import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { callApi, inParallel } from './http';
import type { SimulatedPartner, PendingReceipt } from './send';

const POLL_MS = 100;

const receiptSchema = z.object({
  status: z.enum(['QUEUED', 'DONE', 'DONE_WITH_FAILURES']),
  accepted: z.int(),
  persisted: z.int(),
  duplicates: z.int(),
  conflicts: z.int(),
  failed: z.int(),
  items: z.array(z.unknown()).default([]),
});

/** Totals of the final receipts for each partner, and the problems found. */
export interface FinalReceipts {
  totals: { persisted: number; duplicates: number; conflicts: number; failed: number }[];
  problems: string[];
}

interface AwaitOptions {
  url: string;
  partners: readonly SimulatedPartner[];
  concurrency: number;
  deadlineMs: number;
  onFinal: () => void;
}

/** Polls every receipt until none is QUEUED. Reports receipts that are still QUEUED at the deadline as problems. */
export async function awaitReceipts(
  receipts: readonly PendingReceipt[],
  options: AwaitOptions,
): Promise<FinalReceipts> {
  const { partners, concurrency, deadlineMs } = options;
  const totals = partners.map(() => ({ persisted: 0, duplicates: 0, conflicts: 0, failed: 0 }));
  const problems: string[] = [];
  await inParallel(receipts, concurrency, async (pending) => {
    const partner = partners[pending.partner]!;
    for (;;) {
      const receipt = await readReceipt(options.url, partner, pending.receiptId);
      if (typeof receipt === 'string') {
        problems.push(`${partner.name}: receipt ${pending.receiptId}: ${receipt}`);
        break;
      }
      if (receipt.status !== 'QUEUED') {
        const total = totals[pending.partner]!;
        for (const name of ['persisted', 'duplicates', 'conflicts', 'failed'] as const) total[name] += receipt[name];
        const wrong = receiptProblem(pending, receipt);
        if (wrong) problems.push(`${partner.name}: receipt ${pending.receiptId}: ${wrong}`);
        break;
      }
      if (Date.now() > deadlineMs) {
        problems.push(`${partner.name}: receipt ${pending.receiptId} was still QUEUED at the deadline`);
        break;
      }
      await sleep(POLL_MS);
    }
    options.onFinal();
  });
  return { totals, problems };
}

type Receipt = z.infer<typeof receiptSchema>;

async function readReceipt(url: string, { apiKey }: SimulatedPartner, receiptId: string): Promise<Receipt | string> {
  const { status, body } = await callApi(url, { path: `/v1/events/receipts/${receiptId}`, apiKey, method: 'GET' });
  const parsed = receiptSchema.safeParse(body);
  return status === 200 && parsed.success ? parsed.data : `got ${status}: ${JSON.stringify(body).slice(0, 300)}`;
}

function receiptProblem(pending: PendingReceipt, receipt: Receipt): string | null {
  const { status, accepted, persisted, duplicates, conflicts, failed, items } = receipt;
  const wanted = pending.conflicts > 0 ? 'DONE_WITH_FAILURES' : 'DONE';
  const isExpected =
    status === wanted &&
    accepted === pending.accepted &&
    persisted + duplicates + conflicts === accepted &&
    conflicts === pending.conflicts &&
    failed === 0 &&
    items.length === duplicates + conflicts;
  return isExpected
    ? null
    : `expected ${wanted} with ${pending.conflicts} conflicts, got ${JSON.stringify(receipt).slice(0, 400)}`;
}
