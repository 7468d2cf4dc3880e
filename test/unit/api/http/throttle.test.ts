import { describe, expect, it } from '@jest/globals';
import { throttledAddress } from '../../../../api/http/throttle';

describe('throttledAddress', () => {
  it('returns the same address for all addresses in an IPv6 /64 subnet', () => {
    expect(throttledAddress('2001:db8:1:2::1')).toBe(throttledAddress('2001:db8:1:2:ffff:ffff:ffff:ffff'));
    expect(throttledAddress('2001:db8:1:2::1')).not.toBe(throttledAddress('2001:db8:1:3::1'));
  });

  it('returns the same address for all notations of an IP address', () => {
    expect(throttledAddress('::1')).toBe(throttledAddress('0:0:0:0:0:0:0:1'));
    expect(throttledAddress('::ffff:192.0.2.1')).toBe(throttledAddress('192.0.2.1'));
  });
});
