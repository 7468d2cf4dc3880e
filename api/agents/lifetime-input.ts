import { z } from 'zod';
import { MAX_NAME_LENGTH } from '../http/lengths';
import {
  type AgentOwner,
  comparableEmail,
  MAX_EXPIRES_IN_SECONDS,
  MAX_IDLE_TIMEOUT_SECONDS,
  MIN_IDLE_TIMEOUT_SECONDS,
} from '../../shared/domain/agent-lifetime';
import { lineSchema } from '../../shared/domain/line';
import type { FieldError } from '../../shared/errors';
import { emailSchema } from '../http/schemas';

/** The person who is responsible for an agent. */
export const ownerSchema = z
  .strictObject({
    name: lineSchema(MAX_NAME_LENGTH).meta({ examples: ['Ada Ops'] }),
    email: emailSchema.overwrite(comparableEmail).describe('MIR stores and returns the address in lower case.'),
  })
  .meta({ id: 'AgentOwner' });
const expiresAt = z.iso.datetime();
const expiresInSeconds = z
  .int()
  .min(1)
  .max(MAX_EXPIRES_IN_SECONDS)
  .describe('Sets `expiresAt` to this time from now. Send only one of the two.');
const idleTimeoutSeconds = z.int().min(MIN_IDLE_TIMEOUT_SECONDS).max(MAX_IDLE_TIMEOUT_SECONDS);

const WHEN_EXPIRED = 'From then on, the agent and its descendants are rejected, permanently.';
const WHEN_IDLE = 'The agent expires if neither it nor a descendant makes a request for this long.';

/** Fields of a new agent that limit its lifetime and name its owner. */
export const lifetimeFields = {
  expiresAt: expiresAt.optional().describe(WHEN_EXPIRED),
  expiresInSeconds: expiresInSeconds.optional(),
  idleTimeoutSeconds: idleTimeoutSeconds.optional().describe(`${WHEN_IDLE} Also applies to each descendant.`),
  owner: ownerSchema.optional().describe('The person who is responsible for the agent. A child inherits it.'),
};

/** The same fields in a change of an agent. */
export const lifetimePatchFields = {
  expiresAt: expiresAt.nullable().optional().describe(`${WHEN_EXPIRED} Null removes the agent’s own limit.`),
  expiresInSeconds: expiresInSeconds.optional(),
  idleTimeoutSeconds: idleTimeoutSeconds
    .nullable()
    .optional()
    .describe(`${WHEN_IDLE} Also applies to each descendant. Null removes the agent’s own limit.`),
  owner: ownerSchema.nullable().optional().describe('The person who is responsible for the agent.'),
};

/** Expresses in JSON Schema that a request names at most one expiry. */
export const ONE_EXPIRY_RULE = {
  anyOf: [{ properties: { expiresAt: false } }, { properties: { expiresInSeconds: false } }],
};

/** Returns all errors of a requested lifetime that the schema cannot express. `body` may have any shape. */
export function lifetimeErrors(body: unknown): FieldError[] {
  const { expiresAt: at, expiresInSeconds: seconds } = Object(body) as Partial<Record<string, unknown>>;
  const errors: FieldError[] = [];
  if (at !== undefined && seconds !== undefined) {
    const message = 'Send either expiresAt or expiresInSeconds.';
    errors.push({ path: 'expiresInSeconds', code: 'MUTUALLY_EXCLUSIVE', message });
  }
  if (typeof at === 'string' && Date.parse(at) <= Date.now()) {
    errors.push({ path: 'expiresAt', code: 'IN_THE_PAST', message: 'Must be in the future.' });
  }
  return errors;
}

/** The limits that a request asks for. Undefined fields are not part of the request. */
interface RequestedLifetime {
  expiresAt?: string | null | undefined;
  expiresInSeconds?: number | undefined;
  idleTimeoutSeconds?: number | null | undefined;
  owner?: AgentOwner | null | undefined;
}

/** Returns the expiry that a request asks for: undefined to leave it unchanged, and null to remove it. */
export function requestedExpiry(input: RequestedLifetime, at: Date): Date | null | undefined {
  if (input.expiresInSeconds !== undefined) return new Date(at.getTime() + input.expiresInSeconds * 1_000);
  return typeof input.expiresAt === 'string' ? new Date(input.expiresAt) : input.expiresAt;
}

/** Returns the limits and the owner of a new agent. `inherited` is the owner of its parent. */
export function lifetimeOfNew(input: RequestedLifetime, at: Date, inherited: AgentOwner | null = null) {
  const { idleTimeoutSeconds: idle, owner: named } = input;
  return {
    expiresAt: requestedExpiry(input, at) ?? null,
    idleTimeoutSeconds: idle ?? null,
    owner: named ?? inherited,
  };
}
