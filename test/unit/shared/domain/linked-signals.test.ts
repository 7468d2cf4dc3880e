import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { type IdentityRef, partnerIdOf, partnerOf, tenantOf, type UserRef } from '../../../../shared/domain/ids';
import { EMPTY_ROW, linkedMembers, type Member, type SignalsRow, sumOf } from '../../../../shared/domain/signals';

const PEOPLE = ['idn_a:live', 'idn_b:live', 'idn_c:live'] as IdentityRef[];
const TENANTS = ['aaaaaaaaaaaa', 'bbbbbbbbbbbb', 'cccccccccccc'].map((tag) => tenantOf(partnerIdOf(tag), 'live'));

const anyPerson = fc.constantFrom(...PEOPLE);
const anyMember = fc.record({
  userRef: fc.integer({ min: 0, max: 30 }).map((n) => `usr_${n}` as UserRef),
  tenant: fc.constantFrom(...TENANTS),
});
/** The accounts in a person's membership row, each at most once, as in the database. */
const anyMembers = fc.uniqueArray(anyMember, { maxLength: 20, selector: ({ userRef }) => userRef });
const anyRow: fc.Arbitrary<SignalsRow> = fc
  .record({
    revision: fc.integer({ min: 1, max: 1_000 }),
    eventCount: fc.integer({ min: 0, max: 1_000 }),
    times: fc.tuple(fc.integer({ min: 0, max: 2e12 }), fc.integer({ min: 0, max: 2e12 })),
    identity: fc.option(anyPerson),
  })
  .map(({ times, eventCount, ...row }) => ({
    ...row,
    eventCount,
    firstEventAtMs: eventCount === 0 ? null : Math.min(...times),
    lastEventAtMs: eventCount === 0 ? null : Math.max(...times),
  }));
/** A lookup function for signals rows. Only some users have a row. */
const anyRows = fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), anyRow), { maxLength: 31 }).map((pairs) => {
  const rows = new Map(pairs.map(([n, row]) => [`usr_${n}` as UserRef, row]));
  return (ref: UserRef): SignalsRow => rows.get(ref) ?? EMPTY_ROW;
});

/** Computes the expected result by applying the rule directly. */
function naiveSum(identity: IdentityRef, members: readonly Member[], rowOf: (ref: UserRef) => SignalsRow) {
  const counted = members
    .map((member) => ({ ...member, row: rowOf(member.userRef) }))
    .filter(({ row }) => row.identity === identity && row.eventCount > 0);
  const times = (of: 'firstEventAtMs' | 'lastEventAtMs'): number[] => counted.map(({ row }) => row[of]!);
  const none = counted.length === 0;
  return {
    eventCount: counted.map(({ row }) => row.eventCount).reduce((sum, count) => sum + count, 0),
    partnerCount: new Set(counted.map(({ tenant }) => partnerOf(tenant))).size,
    firstEventAtMs: none ? null : Math.min(...times('firstEventAtMs')),
    lastEventAtMs: none ? null : Math.max(...times('lastEventAtMs')),
  };
}

describe('signals of linked accounts', () => {
  it("sums exactly the accounts that the person's row lists and that list the person in their own rows", () => {
    fc.assert(
      fc.property(anyPerson, anyMembers, anyRows, (identity, members, rowOf) => {
        const linked = linkedMembers(identity, members, rowOf);
        expect(sumOf(linked, rowOf)).toEqual(naiveSum(identity, members, rowOf));
      }),
    );
  });

  it('never counts an account if only one of the two rows lists the other', () => {
    fc.assert(
      fc.property(anyPerson, anyMembers, anyRows, anyRow, anyMember, (identity, members, rowOf, row, one) => {
        const others = members.filter(({ userRef }) => userRef !== one.userRef);
        const without = sumOf(linkedMembers(identity, others, rowOf), rowOf);

        // The person's row lists the account, but the account's row lists no person or a different person.
        const named = [...others, one];
        for (const other of [null, ...PEOPLE.filter((person) => person !== identity)]) {
          const rowOfOther = (ref: UserRef) => (ref === one.userRef ? { ...row, identity: other } : rowOf(ref));
          expect(sumOf(linkedMembers(identity, named, rowOfOther), rowOfOther)).toEqual(without);
        }
        // The account's row lists the person, but the person's row does not list the account.
        const rowOfOne = (ref: UserRef) => (ref === one.userRef ? { ...row, identity } : rowOf(ref));
        expect(sumOf(linkedMembers(identity, others, rowOfOne), rowOfOne)).toEqual(without);
      }),
    );
  });

  it('returns the same sum for any order of the links', () => {
    const shuffled = anyMembers.chain((members) =>
      fc.tuple(fc.constant(members), fc.shuffledSubarray(members, { minLength: members.length })),
    );
    fc.assert(
      fc.property(anyPerson, shuffled, anyRows, (identity, [members, other], rowOf) => {
        const sum = (of: readonly Member[]) => sumOf(linkedMembers(identity, of, rowOf), rowOf);
        expect(sum(other)).toEqual(sum(members));
      }),
    );
  });

  it('counts an account for at most one person', () => {
    fc.assert(
      fc.property(anyMembers, anyRows, (members, rowOf) => {
        const counted = PEOPLE.flatMap((identity) => linkedMembers(identity, members, rowOf));
        expect(new Set(counted).size).toBe(counted.length);
      }),
    );
  });
});
