import { describe, expect, it } from '@jest/globals';
import { splitBatch } from '../../../../api/http/json-scan';

describe('splitBatch', () => {
  it('cuts a batch of millions of items no further than the first item that is too many', () => {
    const items = splitBatch(Buffer.from(`{"events":[${'1,'.repeat(1_000_000)}1]}`));
    expect(items).toHaveLength(5_001);
  });
});
