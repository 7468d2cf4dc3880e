import { describe, expect, it } from '@jest/globals';
import { freePort } from '../../../../deploy/local/ports';
import { freshEnv } from '../../../support/harness';
import { mailServers } from '../../../support/mail-server';
import { PASSWORD } from '../../../support/people';
import { testProcesses } from '../../../support/processes';
import { newBrowserSession } from '../../../support/browser-session';
import { waitUntil } from '../../../support/wait-until';

const start = testProcesses();
const mailServer = mailServers();

describe('logs of the account pages', () => {
  it('does not log email addresses, passwords or emailed tokens, even at trace level', async () => {
    const server = await mailServer();
    const rejected = 'rejected@example.org';
    server.answer = (to) => (to === rejected ? `550 no such person ${to}` : null);
    const port = String(await freePort());
    const url = `http://localhost:${port}`;
    const env = freshEnv({
      PORT: port,
      PUBLIC_URL: url,
      SMTP_URL: server.url,
      MAIL_FROM: 'mir@mir.example',
      LOG_LEVEL: 'trace',
    });
    const api = await start('api', env);
    const worker = await start('worker', env);
    const email = 'ana.logged@example.org';
    const ana = newBrowserSession(url);
    await ana.submit(await ana.get('/signup'), { email: rejected });
    await ana.submit(await ana.get('/signup'), { email });
    const emailTo = (to: string) => server.taken.find((mail) => mail.to.includes(to))?.source ?? '';
    await waitUntil('the email is sent', () => emailTo(email) !== '');
    const source = emailTo(email)
      .replaceAll(/=\r?\n/g, '')
      .replaceAll('=3D', '=');
    const token = /token=([\w.-]+)/.exec(source)![1]!;
    const confirmed = await ana.submit(await ana.get(`/verify?token=${token}`), { password: PASSWORD });
    await ana.submit(confirmed, { email, password: 'not this password' });
    await ana.submit(confirmed, { email, password: PASSWORD });
    expect(ana.cookies.has('mir_session')).toBe(true);
    const session = ana.cookies.get('mir_session')!;
    const visitor = newBrowserSession(url);
    await visitor.submit(await visitor.get('/signup'), { email });
    await visitor.submit(await visitor.get('/forgot'), { email });
    await waitUntil('the rejected email is logged', () => /"queue":"mails".*"job failed"/.test(worker.stdout()));

    const logs = [api, worker].map((program) => program.stdout() + program.stderr()).join('\n');
    expect(logs).toContain('api started');
    for (const secret of [email, rejected, PASSWORD, 'not this password', token, session.split('.')[0]!]) {
      expect(logs).not.toContain(secret);
    }
    await api.stop();
    await worker.stop();
  });
});
