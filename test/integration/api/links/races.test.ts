import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { confirmLink, declineLink } from '../../../../api/links/confirm-link';
import { orderErasure } from '../../../../api/users/order-erasure';
import type { IdentityId, UserRef } from '../../../../shared/domain/ids';
import { anEvent } from '../../../support/builders';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { invite, linkUser, newPerson, auditContextForPerson, unlinkUser } from '../../../support/link';

/** Enough rounds for both outcomes of a race to occur. */
const ROUNDS = 12;

let mir: Harness;
let partner: TestPartner;
beforeAll(async () => {
  mir = await sharedHarness();
  partner = await mir.partner();
});
afterAll(() => mir.close());

const membersOf = async (person: IdentityId): Promise<string[]> =>
  (await mir.ctx.store.memberships.ofIdentity(person)).flatMap(({ members }) => members.map(({ userRef }) => userRef));
const resolved = async (userExternalId: string) =>
  (await mir.client.post('/v1/resolve', partner.liveKey, { userExternalId })).body;

describe('concurrent link changes', () => {
  it('accepts either the confirmation or the decline, but not both, when they are sent at the same time', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const { request, userRef } = await invite(mir, partner, `decided-${round}`);
      const person = await newPerson(mir);
      const [confirmed, declined] = await Promise.all([
        confirmLink(mir.ctx, request, person, auditContextForPerson()),
        declineLink(mir.ctx, request, person, auditContextForPerson()),
      ]);
      const linked = confirmed.kind === 'LINKED';
      if (!linked) expect(confirmed).toEqual({ kind: 'REJECTED', rejection: 'DECLINED' });
      expect(declined).toEqual(linked ? { kind: 'REJECTED', rejection: 'USED' } : { kind: 'DECLINED' });
      expect(await membersOf(person)).toEqual(linked ? [userRef] : []);
      expect((await resolved(`decided-${round}`)).linked).toBe(linked);
    }
  });

  it('leaves no link when a user is erased during a confirmation', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const id = `erased-${round}`;
      const { request } = await invite(mir, partner, id);
      const person = await newPerson(mir);
      const { tenant, userRef } = request;
      const [confirmed] = await Promise.all([
        confirmLink(mir.ctx, request, person, auditContextForPerson()),
        orderErasure(mir.ctx, tenant, userRef, new Date(), auditContextForPerson()),
      ]);
      if (confirmed.kind !== 'LINKED') expect(confirmed).toEqual({ kind: 'REJECTED', rejection: 'UNKNOWN' });
      expect((await mir.ctx.store.users.get(tenant, userRef))?.identity).toBeUndefined();
      expect(await membersOf(person)).toEqual([]);
      expect(await mir.ctx.store.linkRequests.model.countDocuments({ tenant, userRef })).toBe(0);
      expect((await resolved(id)).linked).toBe(false);
    }
  });

  it('links an account to exactly one of two people who confirm separate invitations at the same time', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const id = `claimed-${round}`;
      const people = [await newPerson(mir), await newPerson(mir)];
      const requests = [await invite(mir, partner, id), await invite(mir, partner, id)];
      const outcomes = await Promise.all(
        people.map((person, n) => confirmLink(mir.ctx, requests[n]!.request, person, auditContextForPerson())),
      );
      const winner = outcomes.findIndex(({ kind }) => kind === 'LINKED');
      expect(outcomes[1 - winner]).toEqual({ kind: 'REJECTED', rejection: 'LINKED_ELSEWHERE' });
      expect(await membersOf(people[winner]!)).toEqual([requests[0]!.userRef]);
      expect(await membersOf(people[1 - winner]!)).toEqual([]);
      expect((await resolved(id)).linked).toBe(true);
    }
  });

  it('does not lose any events or links when links are created and removed during commits', async () => {
    const other = await mir.partner();
    const person = await newPerson(mir);
    await linkUser(mir, other, 'steady', person);
    const ref = (await mir.ctx.store.memberships.ofIdentity(person))[0]!.members[0]!.userRef;
    let sent = 0;
    const linking = new AbortController();
    const submitting = (async () => {
      while (!linking.signal.aborted) {
        const events = ['busy', 'busy', 'busy'].map((userExternalId) => anEvent({ userExternalId }));
        expect((await mir.client.post('/v1/events', partner.liveKey, { events })).status).toBe(202);
        sent += events.length;
      }
    })();
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        const { request, userRef } = await invite(mir, partner, 'busy');
        expect((await confirmLink(mir.ctx, request, person, auditContextForPerson())).kind).toBe('LINKED');
        expect(await resolved('busy')).toMatchObject({ linked: true });
        expect(await unlinkUser(mir, person, userRef)).toBe('done');
        expect(await resolved('busy')).toMatchObject({ linked: false });
      }
      await linkUser(mir, partner, 'busy', person);
    } finally {
      linking.abort();
      await submitting;
    }
    await mir.drained();
    expect(await resolved('busy')).toMatchObject({ linked: true, eventCount: sent });
    expect(new Set(await membersOf(person)).has(ref)).toBe(true);
    const rows = await mir.ctx.store.users.rows(null, (await membersOf(person)) as UserRef[]);
    expect([...rows.values()].map(({ eventCount }) => eventCount).sort((a, b) => a - b)).toEqual([0, sent]);
  });

  it('leaves either a complete link or no link when a partner is suspended during a confirmation', async () => {
    for (let round = 0; round < ROUNDS / 4; round += 1) {
      const suspended = await mir.partner();
      const { request } = await invite(mir, suspended, 'u');
      const person = await newPerson(mir);
      const [confirmed] = await Promise.all([
        confirmLink(mir.ctx, request, person, auditContextForPerson()),
        mir.ctx.store.partners.model.updateOne({ _id: suspended.partnerId }, { $set: { suspended: true } }),
      ]);
      const linked = confirmed.kind === 'LINKED';
      if (!linked) expect(confirmed).toEqual({ kind: 'REJECTED', rejection: 'PARTNER_UNAVAILABLE' });
      const user = await mir.ctx.store.users.get(request.tenant, request.userRef);
      expect(user?.identity !== undefined).toBe(linked);
      expect(await membersOf(person)).toHaveLength(linked ? 1 : 0);
    }
  });
});
