import { MirError } from '../errors';
import { type Budget, budgetHeaders } from './budget';
import { type Block, BLOCKS, type Scope } from './credential';

const BLOCK_TEXTS: Record<Block, string> = {
  PARTNER_SUSPENDED: 'The operator of this registry suspended the partner. Ask them why.',
  AGENT_SUSPENDED: 'This agent, or one above it, is suspended. Whoever manages it can reactivate it.',
  AGENT_KEY_REVOKED: 'This agent, or one above it, was revoked permanently. Stop using this key; no retry can succeed.',
};

export function isBlock(status: string): status is Block {
  return (BLOCKS as readonly string[]).includes(status);
}

export function blocked(block: Block, budget: Budget | null = null): MirError {
  return new MirError(block, BLOCK_TEXTS[block], { headers: budgetHeaders(budget) });
}

export function unknownKey(): MirError {
  return new MirError(
    'API_KEY_INVALID',
    'This API key is not valid. Check that it is complete; if it is, a retry with it cannot succeed.',
  );
}

export function scopeMissing(scope: Scope | null, budget: Budget | null = null): MirError {
  return new MirError('SCOPE_MISSING', `This API key lacks the scope ${scope ?? ''}.`, {
    headers: budgetHeaders(budget),
  });
}
