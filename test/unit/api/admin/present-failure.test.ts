import { describe, expect, it } from '@jest/globals';
import { presentFailure } from '../../../../api/admin/present-failure';

describe('presentFailure', () => {
  it.each([
    'connect ECONNREFUSED 10.0.0.7:6379',
    "Stream isn't writeable and enableOfflineQueue options is false",
    'Command timed out',
    'MongoServerError: E11000 duplicate key error collection: mir.users index: _id_ dup key: { _id: "ann@private.example" }',
    'NOSCRIPT No matching script. Please use EVAL. 0123456789abcdef0123456789abcdef01234567',
    'a word PAYLOAD_UNREADABLE: 10.0.0.7',
    'email delivery failed: 550 <ann@private.example>',
    'job stalled more than allowable limit',
  ])('hides the message of an internal error: %s', (reason) => {
    expect(presentFailure(reason)).toMatch(/^JOB_FAILED: [^0-9<]*$/);
  });

  it.each([
    '',
    'PAYLOAD_UNREADABLE: events.0.1: Invalid input; and 3 more',
    'AGENT_NOT_ALLOWED: 1 of 1 events; first: There is no such agent.',
    'email delivery failed: EENVELOPE 550',
    'email delivery failed: no code',
  ])('shows a reason that MIR wrote itself: %j', (reason) => {
    expect(presentFailure(reason)).toBe(reason);
  });

  it("shows how many events the database rejected, but not the database's error message", () => {
    const reason =
      'STORE_REFUSED: 3 of 20 events; first: BSONError: key ann@private.example must not contain null bytes';
    expect(presentFailure(reason)).toBe(
      'STORE_REFUSED: 3 of 20 events; first: The database rejected the content of this event.',
    );
  });
});
