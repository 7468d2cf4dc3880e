import { MirError } from '../errors';
import type { Budget } from './budget';
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
