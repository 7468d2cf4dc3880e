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

const to = (address: string) => server.taken.filter((mail) => mail.to.includes(address));
const aMail = (address: string) => ({ to: address, subject: 'Hello', text: 'A text', html: '<p>A text</p>' });

/** Every value of this test's keys in Redis, as text. */
function allOfRedis({ ctx: { queueLink, keys, config } }: Harness): Promise<string> {
  const ofMails = keys.queuePrefix('mails').replaceAll(/[{}]/g, '?');
  return redisText(queueLink.client, `${config.keyspace}:*`, `${ofMails}:*`);
}

const queueIsEmpty = async ({ ctx }: Harness): Promise<boolean> =>
  Object.values(await ctx.queues.mails.getJobCounts()).every((count) => count === 0);

describe('mails', () => {
  it('are sent with sender, subject, text and page, and nothing of them stays in Redis', async () => {
    const ana = anonymousSession(h);
    await ana.submit(await ana.get('/signup'), { email });
    await waitUntil('the mail is taken', () => to(email).length === 1);
    const [mail] = to(email);
    expect(mail!.from).toBe('mir@mir.example');
    expect(mail!.source).toMatch(/^Subject: Confirm your address for MIR\r?$/m);
    expect(mail!.source).toMatch(/text\/plain/);
    expect(mail!.source).toMatch(/text\/html/);
    expect(mail!.source).toMatch(/^Auto-Submitted: auto-generated\r?$/m);
    await waitUntil('the job is gone', () => queueIsEmpty(h));
    expect(await allOfRedis(h)).not.toContain(email);
    expect(await h.ctx.store.outboxMails.model.countDocuments()).toBe(0);
  });

  it('are tried again when the server says later', async () => {
    let tries = 0;
    server.answer = () => ((tries += 1) === 1 ? '451 later' : null);
    await h.ctx.mailQueue.add(aMail(email));
    await waitUntil('the mail is taken', () => to(email).length === 1);
    expect(tries).toBe(2);
    expect(to(email)).toHaveLength(1);
  });

  it('are tried again when the server refuses our log-in, however final that sounds', async () => {
    let tries = 0;
    server.logIn = () => (tries += 1) > 1;
    const env = { SMTP_URL: server.url.replace('//', '//mir:secret@'), MAIL_FROM: 'mir@mir.example' };
    const withLogIn = await startHarness({ env });
    await withLogIn.ctx.mailQueue.add(aMail(email));
    await waitUntil('the mail is taken', () => to(email).length === 1);
    expect(tries).toBe(2);
    await withLogIn.close();
  });

  it('are given up when the server says never, and nothing of them stays', async () => {
    let tries = 0;
    server.answer = (address) => {
      tries += 1;
      return `550 no such person ${address}`;
    };
    await h.ctx.mailQueue.add(aMail(email));
    await waitUntil('the job is gone', async () => tries > 0 && (await queueIsEmpty(h)));
    expect(tries).toBe(1);
    expect(await allOfRedis(h)).not.toContain(email);
  });

  it('are not given up for what is wrong with our settings, and not with them', async () => {
    let tries = 0;
    server.answerSender = () => ((tries += 1) === 1 ? '550 this sender may not' : null);
    await h.ctx.mailQueue.add(aMail(email));
    await waitUntil('the mail is taken', () => to(email).length === 1);
    expect(tries).toBe(2);
  });

  it('that wait for an address are forgotten with it, later ones are sent', async () => {
    await h.stopWorkers();
    await h.ctx.mailQueue.add(aMail(email));
    await h.ctx.mailQueue.add(aMail(`other-${email}`));
    const ofEmail = async (): Promise<string> => (await allOfRedis(h)).replaceAll(`other-${email}`, '');
    expect(await ofEmail()).toContain(email);
    await h.ctx.mailQueue.forget(email.toUpperCase());
    expect(await ofEmail()).not.toContain(email);
    await h.startWorkers();
    await waitUntil('the other mail is taken', () => to(`other-${email}`).length === 1);
    await h.ctx.mailQueue.add(aMail(email));
    await waitUntil('the later mail is taken', () => to(email).length === 1);
    expect(to(email)).toHaveLength(1);
  });

  it('that wait for an address are forgotten however many wait', async () => {
    await h.stopWorkers();
    const jobs = Array.from({ length: 1_100 }, (_, n) => {
      const mail = aMail(n % 100 === 0 ? `other-${email}` : email);
      return { name: 'mails', data: { v: 1, mail }, opts: { removeOnComplete: true } };
    });
    await h.ctx.queues.mails.addBulk(jobs);
    await h.ctx.mailQueue.forget(email);
    expect(await h.ctx.queues.mails.getWaitingCount()).toBe(11);
    await h.startWorkers();
    await waitUntil('the others are taken', () => to(`other-${email}`).length === 11);
  });

  it('that are on their way when the address is forgotten are not tried again', async () => {
    let tries = 0;
    server.answer = () => {
      tries += 1;
      void h.ctx.mailQueue.forget(email);
      return '451 later';
    };
    await h.ctx.mailQueue.add(aMail(email));
    await waitUntil('the job is gone', async () => tries > 0 && (await queueIsEmpty(h)));
    expect(tries).toBe(1);
  });
});

describe('where mails can go nowhere', () => {
  it('there are no pages for people, and partners are served', async () => {
    const off = await startHarness({ workers: false, env: { PUBLIC_URL: 'https://mir.example' } });
    const partner = await off.partner();
    for (const path of ['/signup', '/login', '/outbox']) expect((await off.client.get(path)).status).toBe(404);
    expect((await off.client.post('/resolve', partner.liveKey, { userExternalId: 'u-1' })).status).toBe(200);
    await off.close();
  });

  it('the outbox is no page where mails are sent', async () => {
    expect((await anonymousSession(h).get('/outbox')).status).toBe(404);
  });
});
