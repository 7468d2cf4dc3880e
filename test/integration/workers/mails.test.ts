import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { PersonMail } from '../../../shared/store/queued-mails';
import { queueAuthMail } from '../../../api/web/auth/queue-auth-mail';
import { newId, type PartnerId } from '../../../shared/domain/ids';
import { insertNotice, wakeUpMails } from '../../../shared/mails/notify-partner';
import { mailsQueue } from '../../../shared/queue/mail-queue';
import { deleteIdentityDocs } from '../../../shared/store/delete-identity';
import { STORE_TIMEOUT_MS } from '../../../shared/store/connect';
import { prepareMail } from '../../../workers/mails/prepare-mail';
import { createSendMail } from '../../../workers/mails/send-mail';
import { type Harness, insertPartner, startHarness } from '../../support/harness';
import { type MailServer, mailServers } from '../../support/mail-server';
import { anonymousSession, startHarnessForPeople } from '../../support/people';
import { redisText } from '../../support/redis-text';
import { waitUntil } from '../../support/wait-until';

const mailServer = mailServers();
let server: MailServer;
let h: Harness;
let people = 0;
let email: string;

beforeAll(async () => {
  server = await mailServer();
  h = await startHarnessForPeople({ env: { SMTP_URL: server.url, MAIL_FROM: 'MIR <mir@mir.example>' } });
});
afterAll(() => h.close());
beforeEach(() => {
  email = `person-${(people += 1)}@example.org`;
  server.answer = () => null;
  server.answerSender = () => null;
});

const deliveredTo = (address: string) => server.taken.filter((mail) => mail.to.includes(address));

/** Queues a sign-up email. */
const requestMail = ({ ctx }: Harness, address: string, next: string | null = null): Promise<void> =>
  queueAuthMail(ctx, () => ctx.auth.signUp(address), next);
const waitingMails = ({ ctx }: Harness) => ctx.store.queuedMails.model.find().lean();

/** Returns the values of all of this test's keys in Redis as text. */
function allOfRedis({ ctx: { queueLink, keys, config } }: Harness): Promise<string> {
  const mailKeys = keys.queuePrefix('mails').replaceAll(/[{}]/g, '?');
  return redisText(queueLink, `${config.keyspace}:*`, `${mailKeys}:*`);
}

const queueIsEmpty = async ({ ctx }: Harness): Promise<boolean> =>
  Object.values(await ctx.queues.mails.getJobCounts()).every((count) => count === 0);

describe('email delivery', () => {
  it('sends an email with a sender, subject, text and HTML, and does not leave any data in Redis', async () => {
    const ana = anonymousSession(h);
    await ana.submit(await ana.get('/signup'), { email });
    await waitUntil('the email is delivered', () => deliveredTo(email).length === 1);
    const [mail] = deliveredTo(email);
    expect(mail!.from).toBe('mir@mir.example');
    expect(mail!.source).toMatch(/^Subject: Confirm your email address for MIR\r?$/m);
    expect(mail!.source).toMatch(/text\/plain/);
    expect(mail!.source).toMatch(/text\/html/);
    expect(mail!.source).toMatch(/^Auto-Submitted: auto-generated\r?$/m);
    await waitUntil('the job is gone', () => queueIsEmpty(h));
    expect(await allOfRedis(h)).not.toContain(email);
    expect(await h.ctx.store.outboxMails.model.countDocuments()).toBe(0);
    expect(await waitingMails(h)).toEqual([]);
  });

  it('writes no address, link or token to Redis or to the row of a waiting email', async () => {
    await h.stopWorkers();
    const ana = anonymousSession(h);
    await ana.submit(await ana.get('/signup?next=%2Flink%2Fsecret-invitation'), { email });
    const waiting = `${await allOfRedis(h)}\n${JSON.stringify(await waitingMails(h))}`;
    expect(waiting.match(/mail_\w+/g)!.length).toBeGreaterThan(1);
    expect(waiting).not.toMatch(new RegExp(`${email}|/verify|token=|secret-invitation`));
    await h.startWorkers();
    await waitUntil('the email is delivered', () => deliveredTo(email).length === 1);
    expect(deliveredTo(email)[0]!.source.replaceAll(/=\r?\n/g, '')).toContain('next=3D%2Flink%2Fsecret-invitation');
  });

  it('retries an email after a temporary rejection', async () => {
    let tries = 0;
    server.answer = () => ((tries += 1) === 1 ? '451 later' : null);
    await requestMail(h, email);
    await waitUntil('the email is delivered', () => deliveredTo(email).length === 1);
    expect(tries).toBe(2);
    expect(deliveredTo(email)).toHaveLength(1);
  });

  it('retries after a rejected SMTP login, even though the SMTP status code is permanent', async () => {
    let tries = 0;
    server.logIn = () => (tries += 1) > 1;
    const env = { SMTP_URL: server.url.replace('//', '//mir:secret@'), MAIL_FROM: 'mir@mir.example' };
    const withLogIn = await startHarness({ env });
    await requestMail(withLogIn, email);
    await waitUntil('the email is delivered', () => deliveredTo(email).length === 1);
    expect(tries).toBe(2);
    await withLogIn.close();
  });

  it('gives up after a permanent rejection, and does not leave any data in Redis', async () => {
    let tries = 0;
    server.answer = (address) => {
      tries += 1;
      return `550 no such person ${address}`;
    };
    await requestMail(h, email);
    await waitUntil('the job is gone', async () => tries > 0 && (await queueIsEmpty(h)));
    expect(tries).toBe(1);
    expect(await waitingMails(h)).toEqual([]);
    expect(await allOfRedis(h)).not.toContain(email);
  });

  it('retries after a permanent rejection of the sender, which points to a configuration error', async () => {
    let tries = 0;
    server.answerSender = () => ((tries += 1) === 1 ? '550 this sender may not' : null);
    await requestMail(h, email);
    await waitUntil('the email is delivered', () => deliveredTo(email).length === 1);
    expect(tries).toBe(2);
  });

  it('drops the email after the last attempt', async () => {
    await h.stopWorkers();
    await requestMail(h, email);
    const [{ _id: id } = { _id: '' }] = await waitingMails(h);
    server.answer = () => '451 later';
    const mailer = createSendMail(h.ctx);
    const { attempts } = mailsQueue.options;
    const attempt = (attemptsMade: number) => mailer.send({ id, data: { v: 2, id }, attemptsMade });
    await expect(attempt(attempts - 2)).rejects.toThrow('email delivery failed');
    expect(await waitingMails(h)).toHaveLength(1);
    await expect(attempt(attempts - 1)).rejects.toThrow('email delivery failed');
    expect(await waitingMails(h)).toEqual([]);
    mailer.close();
    await h.startWorkers();
  });

  it('sends an email whose job was lost', async () => {
    await h.stopWorkers();
    await requestMail(h, email);
    await h.ctx.queues.mails.drain();
    await h.startWorkers();
    await waitUntil('the email is delivered', () => deliveredTo(email).length === 1);
    await waitUntil('the row is gone', async () => (await waitingMails(h)).length === 0);
  });

  it('does not send an email after its worker has crashed twice, after it has expired or after the account is deleted', async () => {
    await h.stopWorkers();
    const { store } = h.ctx;
    const queued = async (address: string): Promise<string> => {
      await requestMail(h, address);
      const { _id: identityId } = (await store.identities.byEmail(address))!;
      return (await store.queuedMails.model.findOne({ identityId }).lean())!._id;
    };
    const crashed = await queued(email);
    for (const worker of [1, 2]) expect([worker, (await prepareMail(h.ctx, crashed))?.to]).toEqual([worker, email]);
    expect(await prepareMail(h.ctx, crashed)).toBeNull();

    const expired = await queued(`expired-${email}`);
    await store.queuedMails.model.updateOne({ _id: expired }, { $set: { expireAt: new Date(Date.now() - 1) } });
    expect(await prepareMail(h.ctx, expired)).toBeNull();
    await store.queuedMails.drop(expired);

    const deleted = await queued(`deleted-${email}`);
    const { _id: identityId } = (await store.identities.byEmail(`deleted-${email}`))!;
    await store.transaction((tx) => deleteIdentityDocs(store, identityId, `deleted-${email}`, tx), 5_000);
    expect(await waitingMails(h)).toEqual([]);
    expect(await prepareMail(h.ctx, deleted)).toBeNull();
    await h.startWorkers();
  });

  it('chooses the text and the lifetime of the link when it sends the email', async () => {
    await h.stopWorkers();
    const { auth, store } = h.ctx;
    const prepare = async (mail: PersonMail | null) => {
      const id = newId('mail');
      await store.queuedMails.insert({ _id: id, ...mail! }, new Date());
      const { subject } = (await prepareMail(h.ctx, id))!;
      await store.queuedMails.drop(id);
      return subject;
    };
    const signUp = await auth.signUp(email);
    expect(await prepare(signUp)).toBe('Confirm your email address for MIR');
    expect(await prepare(await auth.askReset(email))).toBe('Confirm your email address for MIR');
    await store.identities.recordVerified(signUp.identityId);
    expect(await prepare(signUp)).toBe('You already have a MIR account');
    expect(await prepare(await auth.askReset(email))).toBe('Choose a new password for MIR');
    await h.startWorkers();
  });

  it('sends the email in a job of the earlier version only if its recipient still has an account', async () => {
    const mailTo = (to: string) => ({ v: 1, mail: { to, subject: 'Hello', text: 'A text', html: '<p>A text</p>' } });
    await h.ctx.auth.signUp(email);
    await h.ctx.queues.mails.add('mails', mailTo(`unknown-${email}`), { jobId: newId('mail'), removeOnComplete: true });
    await h.ctx.queues.mails.add('mails', mailTo(email), { jobId: newId('mail'), removeOnComplete: true });
    await waitUntil('the email is delivered', () => deliveredTo(email).length === 1);
    await waitUntil('the jobs are gone', () => queueIsEmpty(h));
    expect(deliveredTo(`unknown-${email}`)).toEqual([]);
  });

  it('returns 503 for known and unknown addresses alike while too many emails are waiting', async () => {
    await h.stopWorkers();
    await h.ctx.auth.signUp(email);
    const row = { identityId: 'idn_none', reason: 'RESET' as const, openAttempts: 0, nextLookAt: new Date() };
    const rows = Array.from({ length: 10_000 }, (_, n) => ({ _id: `m${n}`, ...row, expireAt: new Date(8.64e15) }));
    await h.ctx.store.queuedMails.model.insertMany(rows);
    for (const address of [email, `unknown-${email}`]) {
      const ana = anonymousSession(h);
      const { status } = await ana.submit(await ana.get('/forgot'), { email: address });
      expect([address, status]).toEqual([address, 503]);
    }
    await h.ctx.store.queuedMails.model.deleteMany({ identityId: row.identityId });
    await h.startWorkers();
  });
});

describe('email configuration', () => {
  it('disables the pages for people, but not the API, if emails cannot be sent', async () => {
    const withoutMail = await startHarness({ workers: false, env: { PUBLIC_URL: 'https://mir.example' } });
    const partner = await withoutMail.partner();
    for (const path of ['/signup', '/login', '/outbox']) expect((await withoutMail.client.get(path)).status).toBe(404);
    expect((await withoutMail.client.post('/resolve', partner.liveKey, { userExternalId: 'u-1' })).status).toBe(200);
    await withoutMail.close();
  });

  it('disables the outbox page if emails are sent over SMTP', async () => {
    expect((await anonymousSession(h).get('/outbox')).status).toBe(404);
  });
});

describe('email to a partner', () => {
  it('names what happened and the partner, and goes to its contact address', async () => {
    const { store, mailQueue, log, config } = h.ctx;
    const { partnerId } = await insertPartner(store, { contactEmail: email });
    const facts = { environment: 'live', host: 'hooks.example' };
    const ids = await store.transaction(
      (session) =>
        insertNotice({ store, mails: config.mail.kind }, { partnerId, reason: 'WEBHOOK_DISABLED', facts }, session),
      STORE_TIMEOUT_MS,
    );
    await wakeUpMails({ mailQueue, log }, ids);
    await waitUntil('the email is delivered', () => deliveredTo(email).length === 1);
    const { source } = deliveredTo(email)[0]!;
    expect(source).toMatch(/^Subject: MIR stopped sending webhooks to one of your endpoints/m);
    expect(source).toContain('hooks.example');
    expect(source.replaceAll(/=\r?\n/g, '')).toContain('Harbour Market');
  });

  it('is dropped if email is off, or if the partner no longer exists', async () => {
    const { store } = h.ctx;
    const partnerId = 'prt_aaaaaaaaaaaa' as PartnerId;
    const insert = (mails: 'smtp' | 'off') =>
      store.transaction(
        (session) => insertNotice({ store, mails }, { partnerId, reason: 'KEY_LEAKED', facts: {} }, session),
        STORE_TIMEOUT_MS,
      );
    expect(await insert('off')).toEqual([]);
    const [id] = await insert('smtp');
    expect(await prepareMail(h.ctx, id!)).toBeNull();
    expect(await store.queuedMails.model.findById(id)).toBeNull();
  });
});
