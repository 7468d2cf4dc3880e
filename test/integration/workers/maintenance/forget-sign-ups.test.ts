import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FORGOTTEN_AFTER_MS, forgetSignUps } from '../../../../workers/maintenance/forget-sign-ups';
import { type Harness, startHarness } from '../../../support/harness';
import { confirmedAccount } from '../../../support/people';

let mir: Harness;
beforeAll(async () => {
  mir = await startHarness({ workers: false });
});
afterAll(() => mir.close());

describe('forgetSignUps', () => {
  it('deletes old unconfirmed sign-ups, and keeps confirmed and new sign-ups', async () => {
    const { auth, store } = mir.ctx;
    await auth.signUp('never@example.org');
    await confirmedAccount(mir, 'confirmed@example.org');
    expect(await forgetSignUps(store, Date.now())).toBe(0);
    expect(await store.identities.model.countDocuments()).toBe(2);
    expect(await forgetSignUps(store, Date.now() + FORGOTTEN_AFTER_MS)).toBe(1);
    expect(await store.identities.model.distinct('email')).toEqual(['confirmed@example.org']);
    expect(await store.identityAccounts.model.countDocuments()).toBe(1);
  });

  it('keeps a repeated sign-up while its newest link works', async () => {
    const { auth, store } = mir.ctx;
    const email = 'again@example.org';
    await auth.signUp(email);
    const { model } = store.identities;
    await model.updateOne({ email }, { $set: { createdAt: new Date(Date.now() - FORGOTTEN_AFTER_MS - 1) } });
    await auth.signUp(email);
    expect(await forgetSignUps(store, Date.now())).toBe(0);
    expect(await model.countDocuments({ email })).toBe(1);
  });
});
