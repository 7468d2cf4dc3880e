import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anEvent } from '../../../support/builders';
import { cli, cliAt, cliReading, typing } from '../../../support/cli';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { linkUser, newPerson } from '../../../support/link';
import { auditOf } from '../../../support/partners';
import { resolveUser } from '../../../support/resolve-user';
import { waitUntil } from '../../../support/wait-until';

let h: Harness;
let partner: TestPartner;
let other: TestPartner;
beforeAll(async () => {
  h = await startHarness();
  [partner, other] = [await h.partner(), await h.partner()];
});
afterAll(() => h.close());

const optionsOf = ({ partnerId }: TestPartner, env = 'live'): string[] => [
  'users',
  'erase',
  '--partner',
  partnerId,
  '--env',
  env,
  '--reason',
  'request 4711',
  '--as',
  'Ana Diaz',
];

async function submit(userExternalId: string): Promise<void> {
  for (const key of [partner.liveKey, partner.testKey, other.liveKey]) {
    expect((await h.client.post('/v1/events', key, anEvent({ userExternalId }))).status).toBe(202);
  }
  await h.drained();
}

async function countOf(userExternalId: string): Promise<number[]> {
  const keys = [partner.liveKey, partner.testKey, other.liveKey];
  const responses = await Promise.all(keys.map((key) => h.client.post('/v1/resolve', key, { userExternalId })));
  return responses.map(({ body }) => body.eventCount as number);
}

describe('mir users erase', () => {
  it('erases the user named on stdin, in one environment of one partner', async () => {
    const userExternalId = 'secret-id-of-eva';
    await submit(userExternalId);
    expect(await countOf(userExternalId)).toEqual([1, 1, 1]);
    const erased = await cliReading(`${userExternalId}\n`, h.env, ...optionsOf(partner), '--json');
    expect(erased).toMatchObject({ code: 0, err: '' });
    const { receiptId, ...facts } = erased.json();
    expect(facts).toMatchObject({ partnerId: partner.partnerId, env: 'live', cacheState: 'done', status: 'RUNNING' });
    expect(await countOf(userExternalId)).toEqual([0, 1, 1]);
    await waitUntil('the erasure is done', async () => {
      const { body } = await h.client.get(`/v1/users/erase/${receiptId}`, partner.liveKey);
      return body.status === 'DONE' && body.eventsErased === 1;
    });

    const audit = await auditOf(h.ctx, receiptId);
    expect(audit).toMatchObject([
      { action: 'user.erased', reason: 'request 4711', chain: `${partner.partnerId}:live` },
    ]);
    const actor = { kind: 'OPERATOR', via: 'CLI', name: 'Ana Diaz' };
    expect(audit[0]!.actor).toEqual(actor);
    expect((await h.client.get(`/v1/audit?target=${receiptId}`, partner.liveKey)).body.data[0].actor).toEqual(actor);
    expect(JSON.stringify(await h.ctx.store.audit.model.find().lean()) + erased.out).not.toContain(userExternalId);
  });

  it('removes the link of the user', async () => {
    const identityId = await newPerson(h);
    await linkUser(h, partner, 'linked-user', identityId);
    expect((await resolveUser(h, partner, 'linked-user')).linked).toBe(true);
    expect((await cliReading('linked-user', h.env, ...optionsOf(partner))).code).toBe(0);
    expect((await resolveUser(h, partner, 'linked-user')).linked).toBe(false);
    const members = (await h.ctx.store.memberships.ofIdentity(identityId)).flatMap((doc) => doc.members);
    expect(members).toEqual([]);
  });

  it('asks for the user at a terminal', async () => {
    await submit('typed-user');
    const terminal = typing('typed-user');
    const erased = await cliAt(terminal, h.env, ...optionsOf(partner, 'test'));
    expect(erased).toMatchObject({ code: 0, out: expect.stringMatching(/^Ordered erasure ers_test_\w+\. Events /) });
    expect(terminal.questions).toEqual(["Type the partner's ID of the user: "]);
    expect(await countOf('typed-user')).toEqual([1, 0, 1]);
  });

  it('keeps spaces and other characters of the ID as they are', async () => {
    await submit(' üser 1');
    expect((await cliReading(' üser 1\r\n', h.env, ...optionsOf(partner))).code).toBe(0);
    expect(await countOf(' üser 1')).toEqual([0, 1, 1]);
  });

  it('lists every problem of the command line before it reads the ID', async () => {
    const { code, err } = await cliReading('u-1', h.env, 'users', 'erase');
    expect(code).toBe(2);
    expect(err).toMatch(
      /^error: the partner .*--partner.*\nerror: the environment .*--env.*\nerror: .*--reason <text>\n/,
    );
  });

  it('never accepts the ID as an argument', async () => {
    expect(await cli(h.env, ...optionsOf(partner), 'u-1')).toMatchObject({ code: 2, out: '' });
  });

  it.each<[string, string[], string, number, RegExp]>([
    ['an empty stdin', [], '', 2, /^error: cannot ask for .* write it to standard input/],
    ['an empty line', [], '\n', 2, /^error: cannot ask for /],
    ['two lines', [], 'u-1\nu-2\n', 2, /^error: standard input must contain only one line/],
    ['an ID that is too long', [], 'secret'.repeat(50), 1, /^VALIDATION_FAILED[^]*userExternalId: Must be /],
    ['a control character', [], 'secret\u0000', 1, /^VALIDATION_FAILED[^]*userExternalId: Must not contain/],
    ['a reason that is too long', ['--reason', 'x'.repeat(501)], 'u-1', 1, /^VALIDATION_FAILED[^]*reason: Must be /],
    ['an unknown partner', ['--partner', 'prt_none'], 'u-1', 1, /^NOT_FOUND: Partner/],
    ['an unknown environment', ['--env', 'prod'], 'u-1', 2, /live, test/],
    ['an invalid name of the operator', ['--as', 'x'.repeat(101)], 'u-1', 2, /--as.*at most 100 characters/],
  ])('rejects %s', async (_case, args, stdin, code, why) => {
    const before = await h.ctx.store.erasures.model.countDocuments();
    const result = await cliReading(stdin, h.env, ...optionsOf(partner), ...args);
    expect(result).toMatchObject({ code, out: '', err: expect.stringMatching(why) });
    expect(result.err).not.toContain('secret');
    expect(await h.ctx.store.erasures.model.countDocuments()).toBe(before);
  });

  it('lists the problems of the ID and the reason together', async () => {
    const { err } = await cliReading('x'.repeat(300), h.env, ...optionsOf(partner), '--reason', 'x'.repeat(501));
    expect(err).toMatch(/userExternalId: [^]*reason: /);
  });
});
