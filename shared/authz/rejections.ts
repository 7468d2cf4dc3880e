import { MirError } from '../errors';
import { type Budget, secondsUntil } from './budget';
import { type Block, BLOCKS, type Scope } from './credential';

export function isBlock(status: string): status is Block {
  return (BLOCKS as readonly string[]).includes(status);
}

export function blocked(block: Block, budget: Budget | null = null): MirError {
  return new MirError(block, 'the key, or a node above it, is blocked', { params: { budget } });
}

export function unknownKey(): MirError {
  return new MirError('API_KEY_INVALID', 'the key does not exist');
}

export function scopeMissing(scope: Scope | null, budget: Budget | null = null): MirError {
  return new MirError('SCOPE_MISSING', 'the key lacks the required scope', { params: { scope: scope ?? '', budget } });
}

/** Returns the error for a rejected caller whose budget is also exhausted. */
export function budgetExhausted(budget: Budget): MirError {
  return new MirError('RATE_LIMITED', 'a rejected caller exhausted its budget', {
    params: { budget },
    retryAfterSeconds: Math.max(1, secondsUntil(1 - budget.left, budget)),
  });
}

/** Returns the error for a client address that sent too many unknown keys. */
export function tooManyUnknownKeys(retryAfterSeconds: number): MirError {
  return new MirError('RATE_LIMITED', 'too many unknown keys from one address', {
    params: { unknownKeys: true },
    retryAfterSeconds,
  });
}
