import type { AgentStatus } from './agent';

/** Shortest and longest idle timeout of an agent, and its longest lifetime from now. */
export const MIN_IDLE_TIMEOUT_SECONDS = 60;
export const MAX_IDLE_TIMEOUT_SECONDS = 366 * 24 * 3_600;
export const MAX_EXPIRES_IN_SECONDS = 10 * 366 * 24 * 3_600;

/**
 * How much later than stored an agent may have been active: API processes store activity every few seconds. Code
 * that decides from stored times alone must add this time, so that no agent in use expires.
 */
export const ACTIVITY_LAG_MS = 60_000;

/** The person who is responsible for an agent. */
export interface AgentOwner {
  name: string;
  /** In lower case. */
  email: string;
}

/** Returns an owner's email address in the form in which MIR stores and compares it. */
export const comparableEmail = (email: string): string => email.toLowerCase();

/**
 * The facts that determine when an agent expires. The limits also apply to all of its descendants. Agents from earlier
 * versions do not have the optional fields.
 */
export interface LifetimeFacts {
  status: AgentStatus;
  expiresAt?: Date | null;
  idleTimeoutSeconds?: number | null;
  createdAt: Date;
  /** When the agent was last changed. */
  updatedAt: Date;
  lastActivityAt: Date | null;
  /** When a descendant was last active. Recorded only below an idle limit. */
  descendantActivityAt?: Date | null;
  /** Until when the agent can be approved. */
  approvalExpiresAt?: Date | null;
}

/** The limits of a path of agents, in ms. `Infinity` where there is no limit. */
export interface PathLifetime {
  /** The earliest `expiresAt` on the path. */
  expiresAtMs: number;
  /** The shortest idle timeout on the path. */
  idleMs: number;
  /** When the last agent on the path expires, unless it or a descendant is active before. */
  endsAtMs: number;
}

export const UNLIMITED: PathLifetime = { expiresAtMs: Infinity, idleMs: Infinity, endsAtMs: Infinity };

/**
 * Returns from when an agent's idle time counts: when it was created, last changed or last active, whichever is latest.
 * Activity of its descendants counts, so that a parent never expires before a child that is in use.
 */
export function idleSinceMs(facts: LifetimeFacts): number {
  const { createdAt, updatedAt, lastActivityAt, descendantActivityAt } = facts;
  const times = [createdAt, updatedAt, lastActivityAt, descendantActivityAt];
  return Math.max(...times.map((time) => time?.getTime() ?? 0));
}

/**
 * Returns when an agent has been idle for too long. An agent that awaits approval cannot be used. It expires when it can
 * no longer be approved instead.
 */
function idleEndMsOf(facts: LifetimeFacts, idleMs: number): number {
  if (facts.status === 'PENDING_APPROVAL') return facts.approvalExpiresAt?.getTime() ?? Infinity;
  return idleMs === Infinity ? Infinity : idleSinceMs(facts) + ACTIVITY_LAG_MS + idleMs;
}

/** Returns the limits of a path that continues with an agent. `outer` contains the limits of its ancestors. */
export function lifetimeBelow(outer: PathLifetime, facts: LifetimeFacts): PathLifetime {
  const { status, expiresAt, idleTimeoutSeconds } = facts;
  const expiresAtMs = Math.min(outer.expiresAtMs, expiresAt?.getTime() ?? Infinity);
  const idleMs = Math.min(outer.idleMs, (idleTimeoutSeconds ?? Infinity) * 1_000);
  const endsAtMs = status === 'EXPIRED' ? 0 : Math.min(outer.endsAtMs, expiresAtMs, idleEndMsOf(facts, idleMs));
  return { expiresAtMs, idleMs, endsAtMs };
}

/** Returns the limits of a path, root first. */
export function lifetimeOf(path: readonly LifetimeFacts[]): PathLifetime {
  return path.reduce(lifetimeBelow, UNLIMITED);
}

/** Returns whether the last agent on a path, root first, has expired. */
export function isExpired(path: readonly LifetimeFacts[], nowMs: number): boolean {
  return lifetimeOf(path).endsAtMs <= nowMs;
}
