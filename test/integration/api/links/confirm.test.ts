import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { confirmLink, declineLink } from '../../../../api/links/confirm-link';
import { findRequest, hashOfToken } from '../../../../api/links/find-link-request';
import { type IdentityId, identityRefOf, tenantOf } from '../../../../shared/domain/ids';
import { MAX_LINKS_PER_IDENTITY } from '../../../../shared/domain/link';
import { removeAllLinks } from '../../../../api/links/remove-links';
import { deleteIdentityDocs } from '../../../../shared/store/delete-identity';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { invite, linkUser, newPerson, auditContextForPerson } from '../../../support/link';

const CONCURRENT = 20;

let mir: Harness;
let partner: TestPartner;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
  partner = await mir.partner();
});
afterAll(() => mir.close());

const auditOf = async (action: string, { liveKey } = partner) => {
  const { body } = await mir.client.get(`/v1/audit?action=${action}&limit=500`, liveKey);
  return body.data as { target: string; requestId: string; at: string; actor: { kind: string } }[];
};

describe('link confirmation', () => {
  it('links the account to exactly one of many people who confirm an invitation at the same time', async () => {
    const { request } = await invite(mir, partner, 'popular');
    const people = await Promise.all(Array.from({ length: CONCURRENT }, () => newPerson(mir)));
    const outcomes = await Promise.all(
      people.map((person) => confirmLink(mir.ctx, request, person, auditContextForPerson())),
    );
    const winners = people.filter((_, n) => outcomes[n]!.kind === 'LINKED');
    expect(winners).toHaveLength(1);
    const losers = outcomes.filter(({ kind }) => kind === 'REJECTED');
    expect(losers).toHaveLength(CONCURRENT - 1);
    expect(new Set(losers.map((outcome) => 'rejection' in outcome && outcome.rejection))).toEqual(new Set(['USED']));
    const user = await mir.ctx.store.users.get(request.tenant, request.userRef);
    expect(user?.identity).toBe(`${winners[0]}:live`);
    expect(await mir.ctx.store.memberships.model.countDocuments({ 'members.userRef': request.userRef })).toBe(1);
    expect((await auditOf('link.confirmed')).length).toBe(1);
  });

  it('creates only one link when a person confirms an invitation many times at the same time', async () => {
    const { request, token } = await invite(mir, partner, 'eager');
    const person = await newPerson(mir);
    const outcomes = await Promise.all(
      Array.from({ length: CONCURRENT }, () => confirmLink(mir.ctx, request, person, auditContextForPerson())),
    );
    expect(outcomes.filter(({ kind }) => kind === 'LINKED')).toHaveLength(1);
    expect(outcomes.filter(({ kind }) => kind === 'ALREADY_LINKED')).toHaveLength(CONCURRENT - 1);
    const membership = await mir.ctx.store.memberships.get(identityRefOf(person, 'live'));
    expect(membership?.members).toHaveLength(1);
    expect((await findRequest(mir.ctx, hashOfToken(token), person, new Date())).kind).toBe('ALREADY_LINKED');
    const stranger = await findRequest(mir.ctx, hashOfToken(token), await newPerson(mir), new Date());
    expect(stranger).toMatchObject({ kind: 'REJECTED', rejection: 'USED' });
  });

  it('reports a second invitation for the same account as ALREADY_LINKED and changes nothing', async () => {
    const person = await newPerson(mir);
    await linkUser(mir, partner, 'twice', person);
    expect(await linkUser(mir, partner, 'twice', person)).toEqual({ kind: 'ALREADY_LINKED', cacheState: 'done' });
    expect((await mir.ctx.store.memberships.get(identityRefOf(person, 'live')))?.members).toHaveLength(1);
  });

  it('rejects a confirmation for an account that is linked to another person and leaves the invitation open', async () => {
    await linkUser(mir, partner, 'taken', await newPerson(mir));
    const { request, token } = await invite(mir, partner, 'taken');
    const rejected = await confirmLink(mir.ctx, request, await newPerson(mir), auditContextForPerson());
    expect(rejected).toEqual({ kind: 'REJECTED', rejection: 'LINKED_ELSEWHERE' });
    expect((await findRequest(mir.ctx, hashOfToken(token), null, new Date())).kind).toBe('OPEN');
  });

  it('rejects declined and expired invitations', async () => {
    const declined = await invite(mir, partner, 'declined');
    const decline = async () => declineLink(mir.ctx, declined.request, await newPerson(mir), auditContextForPerson());
    expect(await decline()).toEqual({ kind: 'DECLINED' });
    expect(await decline()).toEqual({ kind: 'REJECTED', rejection: 'DECLINED' });
    const confirm = async (request: typeof declined.request) =>
      confirmLink(mir.ctx, request, await newPerson(mir), auditContextForPerson());
    expect(await confirm(declined.request)).toEqual({ kind: 'REJECTED', rejection: 'DECLINED' });

    const expired = await invite(mir, partner, 'expired');
    const expiresAt = new Date(Date.now() - 1);
    await mir.ctx.store.linkRequests.model.updateOne({ _id: expired.inviteId }, { $set: { expiresAt } });
    expect(await confirm(expired.request)).toEqual({ kind: 'REJECTED', rejection: 'EXPIRED' });
    expect(await findRequest(mir.ctx, hashOfToken(expired.token), null, new Date())).toMatchObject({
      rejection: 'EXPIRED',
    });
  });

  it('rejects an invitation from a suspended partner and accepts it once the partner is active again', async () => {
    const suspended = await mir.partner();
    const { request, token } = await invite(mir, suspended, 'u');
    await mir.ctx.store.partners.model.updateOne({ _id: suspended.partnerId }, { $set: { suspended: true } });
    const rejected = await confirmLink(mir.ctx, request, await newPerson(mir), auditContextForPerson());
    expect(rejected).toEqual({ kind: 'REJECTED', rejection: 'PARTNER_UNAVAILABLE' });
    expect(await findRequest(mir.ctx, hashOfToken(token), null, new Date())).toMatchObject({
      rejection: 'PARTNER_UNAVAILABLE',
    });
    await mir.ctx.store.partners.model.updateOne({ _id: suspended.partnerId }, { $set: { suspended: false } });
    expect((await confirmLink(mir.ctx, request, await newPerson(mir), auditContextForPerson())).kind).toBe('LINKED');
  });

  it('limits the number of links per person', async () => {
    const person = await newPerson(mir);
    await linkUser(mir, partner, 'first', person);
    const { model } = mir.ctx.store.memberships;
    const [member] = (await model.findById(identityRefOf(person, 'live')).lean())!.members;
    const full = Array.from({ length: MAX_LINKS_PER_IDENTITY }, (_, n) => ({ ...member!, userRef: `usr_${n}` }));
    await model.updateOne({ _id: identityRefOf(person, 'live') }, { $set: { members: full } });
    const rejected = await linkUser(mir, partner, 'one-too-many', person);
    expect(rejected).toEqual({ kind: 'REJECTED', rejection: 'TOO_MANY_LINKS' });
  });

  it('audits the creation and removal of a link without identifying the person', async () => {
    const other = await mir.partner();
    const person = await newPerson(mir);
    await linkUser(mir, other, 'private-id', person);
    await removeAllLinks(mir.ctx, person, auditContextForPerson(), () => Promise.resolve());
    const [confirmed] = await auditOf('link.confirmed', other);
    const [removed] = await auditOf('link.removed', other);
    expect(confirmed!.actor).toEqual({ kind: 'IDENTITY' });
    expect(removed!.target).toBe(confirmed!.target);
    const all = JSON.stringify((await mir.client.get('/v1/audit?limit=500', other.liveKey)).body);
    for (const secret of [person, 'private-id', 'usr_']) expect(all).not.toContain(secret);
  });

  it("prevents two partners from matching a deleted identity's accounts by comparing audit entries", async () => {
    const partners = [await mir.partner(), await mir.partner()];
    const person = await newPerson(mir);
    for (const one of partners) await linkUser(mir, one, 'u', person);
    const auditContext = auditContextForPerson();
    await removeAllLinks(mir.ctx, person, auditContext, () => Promise.resolve());
    const entries = await Promise.all(partners.map((one) => auditOf('link.removed', one)));
    const ids = entries.flat().map(({ requestId }) => requestId);
    expect(new Set([...ids, auditContext.requestId]).size).toBe(3);
    // The time of each entry is the start of the deletion day, or the time of the link if that is later.
    expect(entries.flat().map(({ at }) => at)).not.toContain(auditContext.at.toISOString());
  });

  it("rounds a deleted identity's link removal times down to the day, but never to a time before the link", async () => {
    const other = await mir.partner();
    await mir.client.request('PUT', '/v1/partners/webhook', {
      key: other.liveKey,
      body: { url: 'https://hooks.invalid/' },
    });
    const person = await newPerson(mir);
    await linkUser(mir, other, 'old', person);
    await linkUser(mir, other, 'fresh', person);
    const { model } = mir.ctx.store.memberships;
    const linkedAt = new Date('2026-01-31T10:20:30.456Z');
    await model.updateOne({ _id: identityRefOf(person, 'live') }, { $set: { 'members.0.linkedAt': linkedAt } });
    const [, fresh] = (await model.findById(identityRefOf(person, 'live')).lean())!.members;
    const auditContext = auditContextForPerson();
    await removeAllLinks(mir.ctx, person, auditContext, () => Promise.resolve());
    const today = `${auditContext.at.toISOString().slice(0, 10)}T00:00:00.000Z`;
    const times = (await auditOf('link.removed', other)).map(({ at }) => at);
    expect(new Set(times)).toEqual(new Set([today, fresh!.linkedAt.toISOString()]));
    const messages = await mir.ctx.store.deliveries.model
      .find({ tenant: tenantOf(other.partnerId, 'live'), type: 'link.removed' })
      .lean();
    const payloads = messages.map(({ body }) => JSON.parse(body) as { timestamp: string; data: { removedAt: string } });
    expect(new Set(payloads.map(({ timestamp }) => timestamp))).toEqual(new Set(times));
    expect(payloads.map(({ data }) => data.removedAt)).toEqual(payloads.map(({ timestamp }) => timestamp));
  });

  const deleteIdentity = (person: IdentityId) =>
    removeAllLinks(mir.ctx, person, auditContextForPerson(), (session) =>
      deleteIdentityDocs(mir.ctx.store, person, `${person}@example.org`, session),
    );

  it('rejects a confirmation from a page that was open when the identity was deleted', async () => {
    const person = await newPerson(mir);
    const { request, token } = await invite(mir, partner, 'after-deletion');
    await deleteIdentity(person);
    await expect(confirmLink(mir.ctx, request, person, auditContextForPerson())).rejects.toMatchObject({
      code: 'FORM_REFUSED',
    });
    expect((await findRequest(mir.ctx, hashOfToken(token), null, new Date())).kind).toBe('OPEN');
    expect((await mir.ctx.store.users.get(request.tenant, request.userRef))?.identity).toBeUndefined();
  });

  it('leaves no link when an identity is deleted during a confirmation', async () => {
    for (let round = 0; round < 20; round += 1) {
      const person = await newPerson(mir);
      const { request } = await invite(mir, partner, `both-at-once-${round}`);
      await Promise.allSettled([
        confirmLink(mir.ctx, request, person, auditContextForPerson()),
        deleteIdentity(person),
      ]);
      expect(await mir.ctx.store.identities.get(person)).toBeNull();
      expect((await mir.ctx.store.users.get(request.tenant, request.userRef))?.identity).toBeUndefined();
      expect(await mir.ctx.store.memberships.ofIdentity(person)).toEqual([]);
    }
  });
});
