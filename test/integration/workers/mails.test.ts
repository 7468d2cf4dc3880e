import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Harness, startHarness } from '../../support/harness';
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
const mailTo = (address: string) => ({ to: address, subject: 'Hello', text: 'A text', html: '<p>A text</p>' });

/** Returns the values of all of this test's keys in Redis as text. */
function allOfRedis({ ctx: { queueLink, keys, config } }: Harness): Promise<string> {
  const mailKeys = keys.queuePrefix('mails').replaceAll(/[{}]/g, '?');
  return redisText(queueLink.client, `${config.keyspace}:*`, `${mailKeys}:*`);
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
  });

  it('retries an email after a temporary rejection', async () => {
    let tries = 0;
    server.answer = () => ((tries += 1) === 1 ? '451 later' : null);
    await h.ctx.mailQueue.add(mailTo(email));
    await waitUntil('the email is delivered', () => deliveredTo(email).length === 1);
    expect(tries).toBe(2);
    expect(deliveredTo(email)).toHaveLength(1);
  });

  it('retries after a rejected SMTP login, even though the SMTP status code is permanent', async () => {
    let tries = 0;
    server.logIn = () => (tries += 1) > 1;
    const env = { SMTP_URL: server.url.replace('//', '//mir:secret@'), MAIL_FROM: 'mir@mir.example' };
    const withLogIn = await startHarness({ env });
    await withLogIn.ctx.mailQueue.add(mailTo(email));
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
    await h.ctx.mailQueue.add(mailTo(email));
    await waitUntil('the job is gone', async () => tries > 0 && (await queueIsEmpty(h)));
    expect(tries).toBe(1);
    expect(await allOfRedis(h)).not.toContain(email);
  });

  it('retries after a permanent rejection of the sender, which points to a configuration error', async () => {
    let tries = 0;
    server.answerSender = () => ((tries += 1) === 1 ? '550 this sender may not' : null);
    await h.ctx.mailQueue.add(mailTo(email));
    await waitUntil('the email is delivered', () => deliveredTo(email).length === 1);
    expect(tries).toBe(2);
  });

  it('drops the queued emails to a forgotten address, but sends later emails to that address', async () => {
    await h.stopWorkers();
    await h.ctx.mailQueue.add(mailTo(email));
    await h.ctx.mailQueue.add(mailTo(`other-${email}`));
    const redisWithoutOther = async (): Promise<string> => (await allOfRedis(h)).replaceAll(`other-${email}`, '');
    expect(await redisWithoutOther()).toContain(email);
    await h.ctx.mailQueue.forget(email.toUpperCase());
    expect(await redisWithoutOther()).not.toContain(email);
    await h.startWorkers();
    await waitUntil('the other email is delivered', () => deliveredTo(`other-${email}`).length === 1);
    await h.ctx.mailQueue.add(mailTo(email));
    await waitUntil('the later email is delivered', () => deliveredTo(email).length === 1);
    expect(deliveredTo(email)).toHaveLength(1);
  });

  it('drops all queued emails to a forgotten address, however many there are', async () => {
    await h.stopWorkers();
    const jobs = Array.from({ length: 1_100 }, (_, n) => {
      const mail = mailTo(n % 100 === 0 ? `other-${email}` : email);
      return { name: 'mails', data: { v: 1, mail }, opts: { removeOnComplete: true } };
    });
    await h.ctx.queues.mails.addBulk(jobs);
    await h.ctx.mailQueue.forget(email);
    expect(await h.ctx.queues.mails.getWaitingCount()).toBe(11);
    await h.startWorkers();
    await waitUntil('the other emails are delivered', () => deliveredTo(`other-${email}`).length === 11);
  });

  it('does not retry an email whose address is forgotten during delivery', async () => {
    let tries = 0;
    server.answer = () => {
      tries += 1;
      void h.ctx.mailQueue.forget(email);
      return '451 later';
    };
    await h.ctx.mailQueue.add(mailTo(email));
    await waitUntil('the job is gone', async () => tries > 0 && (await queueIsEmpty(h)));
    expect(tries).toBe(1);
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
