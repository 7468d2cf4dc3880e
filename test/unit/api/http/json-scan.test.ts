import { describe, expect, it } from '@jest/globals';
import { splitBatch } from '../../../../api/http/json-scan';

describe('splitBatch', () => {
  it('stops splitting a batch after the first item over the limit', () => {
    const items = splitBatch(Buffer.from(`{"events":[${'1,'.repeat(1_000_000)}1]}`));
    expect(items).toHaveLength(5_001);
  });
});
