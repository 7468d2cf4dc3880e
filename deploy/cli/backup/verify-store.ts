import type { Connection } from 'mongoose';
import { UNCHECKED, type ChainVerdict, verifyChain } from '../../../shared/audit/verify-chain';
import type { AuditChain } from '../../../shared/store/audit';
import { pendingSteps, stepText } from '../../../shared/store/indexes';
import type { Store } from '../../../shared/store/store';
import type { Manifest } from './manifest';

const USERS_PER_QUERY = 1_000;
const MAX_LISTED = 5;
const CHAIN_BOUNDS = { maxEntries: 100_000, timeoutMs: 60_000 };

/** Counts of the verified items, and the problems found. */
export interface Verified {
  chains: number;
  auditEntries: number;
  users: number;
  problems: string[];
}

interface Sums {
  _id: string;
  eventCount: number;
  firstEventAt: Date;
  lastEventAt: Date;
}

const factOf = ({ eventCount, firstEventAt, lastEventAt }: Sums): string =>
  `${eventCount} ${firstEventAt?.getTime()} ${lastEventAt?.getTime()}`;

/** Verifies every audit chain up to its head. */
async function verifyAudit(store: Store): Promise<Pick<Verified, 'chains' | 'auditEntries' | 'problems'>> {
  const chains = (await store.auditHeads.model.distinct('_id')) as AuditChain[];
  const problems: string[] = [];
  let auditEntries = 0;
  for (const chain of chains) {
    let verdict: ChainVerdict = { intact: true, checked: UNCHECKED, complete: false };
    while (verdict.intact && !verdict.complete) {
      verdict = await verifyChain(store, chain, verdict.checked, CHAIN_BOUNDS);
    }
    if (verdict.intact) auditEntries += verdict.checked.seq;
    else problems.push(`audit chain ${chain}: ${verdict.firstBroken.reason} at ${verdict.firstBroken.seq}`);
  }
  return { chains: chains.length, auditEntries, problems };
}

/**
 * Recomputes every user's counts from the stored events and compares them with the user's row. Skips users whose
 * erasure is in progress.
 */
async function verifySignals(connection: Connection): Promise<Pick<Verified, 'users' | 'problems'>> {
  const db = connection.db!;
  const running = await db.collection<{ userRef?: string }>('erasures').find({ status: 'RUNNING' }).toArray();
  const erasing = new Set(running.map(({ userRef }) => userRef));
  const sums = {
    _id: '$userRef',
    eventCount: { $sum: 1 },
    firstEventAt: { $min: '$occurredAt' },
    lastEventAt: { $max: '$occurredAt' },
  };
  const recomputed = db.collection('events').aggregate<Sums>([{ $group: sums }], { allowDiskUse: true });
  const rows = db.collection<Sums>('users');
  const wrong: string[] = [];
  let users = 0;
  let batch: Sums[] = [];
  const compare = async (): Promise<void> => {
    const found = await rows.find({ _id: { $in: batch.map(({ _id }) => _id) } }).toArray();
    const byId = new Map(found.map((row) => [row._id, row]));
    for (const sum of batch) {
      const row = byId.get(sum._id);
      if (!row || factOf(row) !== factOf(sum)) wrong.push(sum._id);
    }
    users += batch.length;
    batch = [];
  };
  for await (const sum of recomputed) {
    if (erasing.has(sum._id)) continue;
    batch.push(sum);
    if (batch.length === USERS_PER_QUERY) await compare();
  }
  await compare();
  const counted = await rows.countDocuments({ eventCount: { $gt: 0 }, _id: { $nin: [...erasing] as string[] } });
  const problems: string[] = [];
  if (wrong.length > 0) {
    problems.push(
      `users whose counts do not match their events: ${wrong.length}, including ${wrong.slice(0, MAX_LISTED).join(', ')}`,
    );
  }
  if (counted !== users) problems.push(`${counted} users have a nonzero event count, but ${users} users have events`);
  return { users, problems };
}

/**
 * Verifies the audit chains, signals, pepper and indexes. If a manifest is specified, also verifies the document
 * counts.
 */
export async function verifyStore(store: Store, fingerprint: string, manifest: Manifest | null): Promise<Verified> {
  const problems: string[] = [];
  for (const { name, count } of manifest?.collections ?? []) {
    const found = await store.connection.db!.collection(name).countDocuments();
    // The restore itself adds documents to `migrations`.
    if (name !== 'migrations' && found !== count) problems.push(`${name}: ${found} of ${count} documents`);
  }
  if ((await store.pepper(fingerprint)) !== 'same') problems.push('SUBJECT_PEPPER does not match this database');
  const { indexes } = await store.migrations.plan();
  problems.push(...pendingSteps(indexes).map((step) => `pending migration: ${stepText(step)}`));
  const audit = await verifyAudit(store);
  const signals = await verifySignals(store.connection);
  return {
    chains: audit.chains,
    auditEntries: audit.auditEntries,
    users: signals.users,
    problems: [...problems, ...audit.problems, ...signals.problems],
  };
}
