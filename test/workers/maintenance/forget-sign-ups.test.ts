import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { FORGOTTEN_AFTER_MS, forgetSignUps } from '../../../workers/maintenance/forget-sign-ups';
import { type Harness, startHarness } from '../../support/harness';

let mir: Harness;
beforeAll(async () => {
  mir = await startHarness({ workers: false });
});
afterAll(() => mir.close());

test('a sign-up that nobody confirms is forgotten with its password; confirmed ones and new ones stay', async () => {
  const { auth, store } = mir.ctx;
  const password = 'correct horse battery';
  await auth.signUp('never@example.org', password);
  const mail = await auth.signUp('confirmed@example.org', password);
  await auth.verify((mail as { token: string }).token);
  expect(await forgetSignUps(store, Date.now())).toBe(0);
  expect(await store.identities.model.countDocuments()).toBe(2);
  expect(await forgetSignUps(store, Date.now() + FORGOTTEN_AFTER_MS)).toBe(1);
  expect(await store.identities.model.distinct('email')).toEqual(['confirmed@example.org']);
  expect(await store.identityAccounts.model.countDocuments()).toBe(1);
});
