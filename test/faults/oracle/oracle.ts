import type { Tenant } from '../../../shared/domain/ids';
import type { TestPartner } from '../../support/harness';
import type { Random } from '../random';
import { NO_TOTALS, type Totals } from '../state-file';
import {
  type AcknowledgedEvent,
  addId,
  type ExpectedUser,
  inconsistency,
  newUser,
  type Observation,
  type TimeRange,
} from './expected';

/** Observations that are checked again at a checkpoint, and sampled receipts of each kind. */
const MAX_OBSERVATIONS = 20_000;
const MAX_RECEIPTS_PER_KIND = 30;

/** A partner of one chapter, with everything that MIR has acknowledged to it. */
export interface ExpectedPartner {
  name: string;
  partner: TestPartner;
  tenant: Tenant;
  users: Map<string, ExpectedUser>;
  /** The latest `receivedAt` of an acknowledged event. */
  lastReceivedAtMs: number;
}

export interface SampledReceipt {
  kind: string;
  key: string;
  receiptId: string;
  acknowledgedAtMs: number;
  accepted: number;
  /** The expected number of items by outcome, where it is known. */
  outcomes: Partial<Record<'persisted' | 'duplicates' | 'conflicts', number>>;
}

/** What the clients know about the events of one chapter: the time between two checkpoints. */
export interface Oracle {
  partners: ExpectedPartner[];
  mayBeLost: TimeRange[];
  counted: Totals;
  receipts: SampledReceipt[];
  /** Erasures that must be done at the next checkpoint. */
  erasures: { key: string; receiptId: string }[];
  /** Audit entries of each action that must exist, by tenant. */
  audited: Map<Tenant, Record<string, number>>;
  userOf(partner: ExpectedPartner, name: string): ExpectedUser;
  acknowledge(partner: ExpectedPartner, name: string, event: AcknowledgedEvent): void;
  sampleReceipt(receipt: SampledReceipt, random: Random): void;
  /** Accepts any outcomes in a receipt, because a repeat of its events was submitted. */
  forgetOutcomes(receiptId: string): void;
  noteAudited(partner: ExpectedPartner, action: string): void;
  /** Checks a response, and again at the next checkpoint. Returns how it contradicts its watermark, or null. */
  observe(who: string, user: ExpectedUser, observation: Observation): string | null;
  /** Checks all observations of the chapter with everything acknowledged since. */
  recheck(): string[];
}

export function createOracle(partners: ExpectedPartner[]): Oracle {
  const observations: { who: string; user: ExpectedUser; observation: Observation }[] = [];
  const seen = new Map<string, number>();
  const describe = (who: string, problem: string): string => `${who}: ${problem}`;
  const oracle: Oracle = {
    partners,
    mayBeLost: [],
    counted: { ...NO_TOTALS },
    receipts: [],
    erasures: [],
    audited: new Map(),
    userOf: ({ users }, name) => {
      const known = users.get(name);
      if (known) return known;
      const user = newUser();
      users.set(name, user);
      return user;
    },
    acknowledge: (partner, name, event) => {
      const user = oracle.userOf(partner, name);
      user.acknowledged.push(event);
      user.idSum = addId(user.idSum, event.eventId);
      partner.lastReceivedAtMs = Math.max(partner.lastReceivedAtMs, event.receivedAtMs);
      oracle.counted.acknowledged += 1;
    },
    sampleReceipt: (receipt, random) => {
      const ofKind = (seen.get(receipt.kind) ?? 0) + 1;
      seen.set(receipt.kind, ofKind);
      // Reservoir sampling: each receipt of a kind is equally likely to be kept.
      if (ofKind <= MAX_RECEIPTS_PER_KIND) {
        oracle.receipts.push(receipt);
        return;
      }
      const slot = random.int(1, ofKind);
      if (slot > MAX_RECEIPTS_PER_KIND) return;
      const sameKind = oracle.receipts.filter(({ kind }) => kind === receipt.kind);
      oracle.receipts[oracle.receipts.indexOf(sameKind[slot - 1]!)] = receipt;
    },
    forgetOutcomes: (receiptId) => {
      const sample = oracle.receipts.find((receipt) => receipt.receiptId === receiptId);
      if (sample) sample.outcomes = {};
    },
    noteAudited: ({ tenant }, action) => {
      const counts = oracle.audited.get(tenant) ?? {};
      counts[action] = (counts[action] ?? 0) + 1;
      oracle.audited.set(tenant, counts);
    },
    observe: (who, user, observation) => {
      oracle.counted.reads += 1;
      if (observations.length < MAX_OBSERVATIONS) observations.push({ who, user, observation });
      const problem = inconsistency(user, observation, oracle.mayBeLost);
      return problem && describe(who, problem);
    },
    recheck: () =>
      observations.flatMap(({ who, user, observation }) => {
        const problem = inconsistency(user, observation, oracle.mayBeLost);
        return problem ? [describe(who, problem)] : [];
      }),
  };
  return oracle;
}
