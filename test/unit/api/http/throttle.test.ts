import { describe, expect, it } from '@jest/globals';
import { throttledAddress } from '../../../../api/http/throttle';

describe('throttledAddress', () => {
  it('counts all addresses of an IPv6 subnet as one caller', () => {
    expect(throttledAddress('2001:db8:1:2::1')).toBe(throttledAddress('2001:db8:1:2:ffff:ffff:ffff:ffff'));
    expect(throttledAddress('2001:db8:1:2::1')).not.toBe(throttledAddress('2001:db8:1:3::1'));
    expect(throttledAddress('::1')).toBe(throttledAddress('0:0:0:0:0:0:0:1'));
    expect(throttledAddress('::ffff:192.0.2.1')).toBe(throttledAddress('192.0.2.1'));
  });
});
