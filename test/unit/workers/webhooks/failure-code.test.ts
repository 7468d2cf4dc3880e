import { describe, expect, it } from '@jest/globals';
import { failureCodeOf } from '../../../../workers/webhooks/failure-code';

describe('the code of a failed attempt', () => {
  it.each([
    [{ code: 'ECONNREFUSED' }, 'CONNECTION_REFUSED'],
    [{ code: 'ENOTFOUND' }, 'HOST_NOT_FOUND'],
    [{ code: 'ECONNRESET' }, 'CONNECTION_CLOSED'],
    [{ name: 'TimeoutError' }, 'TIMEOUT'],
    [{ code: 'WEBHOOK_URL_NOT_ALLOWED' }, 'URL_NOT_ALLOWED'],
    [{ code: 'ERR_TLS_CERT_ALTNAME_INVALID' }, 'TLS_FAILED'],
    [{ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, 'TLS_FAILED'],
    [{ code: 'HPE_INVALID_CONSTANT' }, 'CONNECTION_FAILED'],
    [new Error('any text'), 'CONNECTION_FAILED'],
  ])('says what a partner can fix, in words of MIR: %p', (error, code) => {
    expect(failureCodeOf(error)).toBe(code);
  });
});
