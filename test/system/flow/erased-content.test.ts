import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findOnPath } from '../../../deploy/local/paths';
import { freePort } from '../../../deploy/local/ports';
import { projectRoot } from '../../../shared/project';
import { changeFileState, readFileState } from '../../../shared/redis/append-only-file';
import { FORGOTTEN_AFTER_MS, forgetSignUps } from '../../../workers/maintenance/forget-sign-ups';
import { anEvent } from '../../support/builders';
import { type BrowserSession, newBrowserSession, type VisitedPage } from '../../support/browser-session';
import { makeDeadLetter } from '../../support/dead-letters';
import { faultEnvironment } from '../../support/fault-environment';
import type { Harness, TestPartner } from '../../support/harness';
import { type MailServer, mailServers } from '../../support/mail-server';
import { runMir } from '../../support/mir-process';
import { needlesIn, needlesInFiles, newNeedle } from '../../support/needles';
import type { OwnStore } from '../../support/own-store';
import type { TestProcess } from '../../support/start-process';
import { waitUntil } from '../../support/wait-until';

const REWRITE_TIMEOUT_MS = 120_000;
const TEST_TIMEOUT_MS = 240_000;

const PRIVACY = readFileSync(join(projectRoot(), 'deploy/docs/privacy.md'), 'utf8');
/** Files of MongoDB that may contain erased content, and their rows in the table of privacy.md. */
const MONGO_PLACES = [
  { files: /WiredTigerLog/, row: 'MongoDB: journal' },
  { files: /oplog/, row: 'MongoDB: oplog' },
  { files: /\.wt$/, row: 'MongoDB: data files' },
] as const;

/** What Redis's append-only file contains before it is rewritten. */
const IN_REDIS = ['metadata in a dead letter', 'metadata key', 'metadata of a queued event', 'metadata value'];
const STAND_IN = findOnPath('mongod', process.env) === null ? findOnPath('secantusd-rs', process.env) : null;

const { start, ownMongo, ownRedis, serve } = faultEnvironment();
const mailServer = mailServers();

/** Everything that the partner and the people submitted or received, by what it is. */
const needles: Record<string, string> = {};
const needle = (name: string): string => (needles[name] = newNeedle());

let mongo: OwnStore;
let redis: OwnStore;
let mails: MailServer;
let mir: Harness;
let partner: TestPartner;
let api: TestProcess;
let url: string;
const workers: TestProcess[] = [];
let backups: string;

beforeAll(async () => {
  backups = mkdtempSync(join(tmpdir(), 'mir-needles-'));
  // By default, both servers compress values in some of their files, which would hide them from the search.
  [mongo, redis, mails] = await Promise.all([
    ownMongo(uncompressed()),
    ownRedis(['--rdbcompression', 'no']),
    mailServer(),
  ]);
  const port = String(await freePort());
  url = `http://localhost:${port}`;
  const pages = { PUBLIC_URL: url, SMTP_URL: mails.url, MAIL_FROM: 'mir@mir.example', LOG_LEVEL: 'trace' };
  mir = await serve({ workers: false, env: { MONGO_URL: mongo.url, REDIS_URL: redis.url, ...pages } });
  partner = await mir.partner({ allowedReturnOrigins: ['https://harbour.example'] });
  api = await start('api', { ...mir.env, PORT: port });
});
afterAll(() => rmSync(backups, { recursive: true, force: true }));

/** Returns an environment in which secantusd-rs, if it is the MongoDB server of the tests, compresses nothing. */
function uncompressed(): NodeJS.ProcessEnv {
  if (STAND_IN === null) return process.env;
  const wrapper = join(backups, 'secantusd-rs');
  writeFileSync(wrapper, `#!/bin/sh\nexec '${STAND_IN}' --block-compressor none "$@"\n`, { mode: 0o755 });
  return { ...process.env, PATH: `${backups}:${process.env['PATH'] ?? ''}` };
}

async function startWorker(): Promise<TestProcess> {
  const worker = await start('worker', mir.env);
  workers.push(worker);
  return worker;
}

async function post(path: string, body: object, headers: Record<string, string> = {}) {
  const response = await api.client.post(`/v1${path}`, partner.liveKey, body, headers);
  expect([path, response.status < 300]).toEqual([path, true]);
  return response.body;
}

/** Waits for an email and returns the token in its link. */
async function tokenMailedTo(address: string, subject: string): Promise<string> {
  const matching = () => mails.taken.filter(({ to, source }) => to.includes(address) && source.includes(subject));
  await waitUntil(`an email to ${address} is delivered`, () => matching().length > 0);
  const text = matching()[0]!
    .source.replaceAll(/=\r?\n/g, '')
    .replaceAll('=3D', '=');
  return /token=([\w-]+)/.exec(text)![1]!;
}

const submit = (session: BrowserSession, page: VisitedPage, fields: Record<string, string>, action?: string) =>
  session.submit(page, fields, action === undefined ? {} : { action });

/** Submits events that are stored, one that becomes a dead letter, and one that is queued during its erasure. */
async function submitEvents(): Promise<string[]> {
  const stored = needle('external user ID');
  const event = { userExternalId: stored, metadata: { [needle('metadata key')]: needle('metadata value') } };
  await post('/events', anEvent(event), { 'idempotency-key': needle('Idempotency-Key header') });
  const item = anEvent({ userExternalId: stored, idempotencyKey: needle('idempotency key of a batch item') });
  await post('/events', { events: [item] });
  const worker = await startWorker();
  await waitUntil('the events are stored', async () => {
    return (await post('/resolve', { userExternalId: stored })).eventCount === 2;
  });
  await worker.stop();

  const dead = needle('external user ID in a dead letter');
  await post('/events', anEvent({ userExternalId: dead, metadata: { note: needle('metadata in a dead letter') } }));
  const [job] = await mir.ctx.queues.events.getJobs(['waiting', 'prioritized']);
  await makeDeadLetter(mir, job!.id!);

  const queued = needle('external user ID of a queued event');
  await post('/events', anEvent({ userExternalId: queued, metadata: { note: needle('metadata of a queued event') } }));
  const invalid = { userExternalId: needle('external user ID in an invalid event'), eventType: needle('event type') };
  const rejected = { ...invalid, [needle('unknown field')]: needle('value of an unknown field') };
  expect((await api.client.post('/v1/events', partner.liveKey, rejected)).status).toBe(422);
  const asked = needle('external user ID in a query');
  await api.client.get(`/v1/partners/link/status?userExternalId=${asked}`, partner.liveKey);
  const unused = {
    accountLabel: needle('label of an unused invitation'),
    state: needle('state of an unused invitation'),
  };
  await post('/partners/link/invite', { userExternalId: dead, ...unused });
  return [stored, dead, queued];
}

/** Signs up, sets and resets the password, logs in and connects an account. Returns the session. */
async function usePages(userExternalId: string, password: string): Promise<BrowserSession> {
  const email = `${needle('email address')}@example.org`;
  const ana = newBrowserSession(url);
  const invitation = await post('/partners/link/invite', {
    userExternalId,
    accountLabel: needle('account label'),
    state: needle('state of an invitation'),
    returnUrl: `https://harbour.example/${needle('return URL')}`,
  });
  const path = new URL(invitation.url).pathname;
  needles['invitation token'] = path.slice('/link/'.length);
  await submit(ana, await ana.get(`/signup?next=${encodeURIComponent(path)}`), { email });
  await startWorker();
  needles['token in a sign-up email'] = await tokenMailedTo(email, 'Confirm');
  const confirmed = await ana.get(`/verify?token=${needles['token in a sign-up email']}`);
  await submit(ana, confirmed, { password: `${needle('first password')} x` });
  await submit(ana, await ana.get('/forgot'), { email });
  needles['token in a password email'] = await tokenMailedTo(email, 'new password');
  await submit(ana, await ana.get(`/reset?token=${needles['token in a password email']}`), { password });
  await submit(ana, await ana.get('/login'), { email, password: `${needle('wrong password')} x` });
  await submit(ana, await ana.get('/login'), { email, password });
  needles['session token'] = ana.cookies.get('mir_session')!.split('.')[0]!;
  const agent = { 'user-agent': needle('user agent'), 'x-forwarded-for': '192.0.2.7' };
  const consent = await ana.get(path, agent);
  expect(consent.text).toContain(needles['account label']);
  await ana.post(path, { ...hiddenFields(consent), decision: 'connect' }, { origin: url });
  const code = await post('/partners/link/code', { userExternalId: needle('external user ID of a link code') });
  needles['link code'] = code.code;
  await submit(ana, await ana.get('/link'), { code: code.code });
  expect((await post('/resolve', { userExternalId })).linked).toBe(true);

  const stranger = newBrowserSession(url);
  await submit(stranger, await stranger.get('/forgot'), { email: `${needle('unknown address')}@example.org` });
  const rejected = `${needle('unconfirmed address')}@example.org`;
  let tries = 0;
  mails.answer = (to) => (to === rejected && (tries += 1) ? `550 no such person ${to}` : null);
  await submit(stranger, await stranger.get('/signup'), { email: rejected });
  await waitUntil('the email is rejected', () => tries > 0);
  await forgetSignUps(mir.ctx.store, Date.now() + FORGOTTEN_AFTER_MS);
  return ana;
}

const hiddenFields = ({ root }: VisitedPage): Record<string, string> =>
  Object.fromEntries(
    root
      .querySelectorAll('main input[type=hidden]')
      .map((input) => [input.getAttribute('name')!, input.getAttribute('value')!]),
  );

async function erase(userExternalId: string): Promise<void> {
  const { receiptId } = await post('/users/erase', { userExternalId });
  await waitUntil('the erasure is done', async () => {
    return (await api.client.get(`/v1/users/erase/${receiptId}`, partner.liveKey)).body.status === 'DONE';
  });
}

/** Waits until a worker has rewritten the append-only file after the last erasure, as if an hour passed between two. */
async function untilRewritten(): Promise<void> {
  const { queueLink, keys } = mir.ctx;
  const done = async (): Promise<boolean> => {
    const { erasedSince, rewriting, startedAt } = await readFileState(queueLink, keys, 'queue');
    if (erasedSince !== null && rewriting === null && startedAt !== null) {
      await changeFileState(queueLink, keys, 'queue', { startedAt: null });
    }
    return erasedSince === null && rewriting === null;
  };
  await waitUntil('the append-only file is rewritten', done, REWRITE_TIMEOUT_MS);
}

/** Creates a backup and returns the needles in its files. */
async function inBackup(name: string): Promise<string[]> {
  const folder = join(backups, name);
  expect(await runMir(mir.env, 'backup', 'create', folder)).toMatchObject({ code: 0 });
  return Object.values(needlesInFiles(folder, needles)).flat();
}

/** Returns the files of MongoDB that contain needles and are not in the table of privacy.md. */
const undocumentedFiles = (): string[] =>
  Object.keys(needlesInFiles(mongo.dataDir, needles)).filter((file) => {
    const place = MONGO_PLACES.find(({ files }) => files.test(file));
    return place === undefined || !PRIVACY.includes(`| ${place.row} |`);
  });

describe('erased content', () => {
  it(
    'is in no file of Redis, no log and no later backup after users are erased and an account is deleted',
    async () => {
      const users = await submitEvents();
      const password = `${needle('password')} x`;
      const ana = await usePages(users[0]!, password);
      expect(Object.keys(needles).length).toBeGreaterThanOrEqual(20);

      // Until the rewrite, Redis's file contains the metadata. This also shows that the search finds needles.
      const inRedis = new Set(Object.values(needlesInFiles(redis.dataDir, needles)).flat());
      expect([...inRedis].sort()).toEqual(IN_REDIS);
      const inMongo = Object.values(needlesInFiles(mongo.dataDir, needles)).flat();
      const stored = ['metadata value', 'email address'];
      if (STAND_IN !== null) expect(inMongo).toEqual(expect.arrayContaining(stored));
      expect(await inBackup('before')).toEqual(expect.arrayContaining(stored));

      await submit(ana, await ana.get('/account/delete'), { password });
      for (const user of [...users, needles['external user ID of a link code']!]) await erase(user);
      await untilRewritten();

      expect(await inBackup('after')).toEqual([]);
      const logs = [api, ...workers].map((program) => program.stdout() + program.stderr()).join('\n');
      expect(needlesIn(Buffer.from(logs), { ...needles, control: 'worker started' })).toEqual(['control']);
      await waitUntil('Redis has deleted its old files', () => {
        return Object.keys(needlesInFiles(redis.dataDir, needles)).length === 0;
      });
      expect(undocumentedFiles()).toEqual([]);
    },
    TEST_TIMEOUT_MS,
  );
});
