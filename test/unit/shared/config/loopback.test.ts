import { describe, expect, it } from '@jest/globals';
import { isLoopback } from '../../../../shared/config/loopback';

describe('isLoopback', () => {
  it.each([
    ['127.0.0.1', true],
    ['127.255.0.9', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['::ffff:192.0.2.7', false],
    ['128.0.0.1', false],
    ['192.0.2.7', false],
    ['fe80::1', false],
    ['fd00::2', false],
    ['::', false],
    ['not an address', false],
    [undefined, false],
  ])('isLoopback(%j) returns %s', (address, expected) => {
    expect(isLoopback(address)).toBe(expected);
  });
});
