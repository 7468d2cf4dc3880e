import type { AddressInfo } from 'node:net';
import { afterAll } from '@jest/globals';
import { SMTPServer } from 'smtp-server';

interface TakenMail {
  from: string;
  to: string[];
  /** The unparsed headers and body. */
  source: string;
}

/** An SMTP server whose behavior the test controls. */
export interface MailServer {
  url: string;
  taken: TakenMail[];
  /** Returns the SMTP reply for a recipient, such as "451 later", or null to accept the recipient. */
  answer: (to: string) => string | null;
  /** Returns the SMTP reply for a sender, or null to accept the sender. */
  answerSender: () => string | null;
  /** Returns whether a login with this password succeeds. */
  logIn: (password: string) => boolean;
}

/** Returns a function that starts an SMTP server. The servers stop after the last test. */
export function mailServers(): () => Promise<MailServer> {
  const ends: (() => Promise<void>)[] = [];
  afterAll(async () => {
    await Promise.all(ends.map((end) => end()));
  });
  return async () => {
    const mails: MailServer = {
      url: '',
      taken: [],
      answer: () => null,
      answerSender: () => null,
      logIn: () => true,
    };
    const errorOf = (reply: string | null): Error | null =>
      reply === null ? null : Object.assign(new Error(reply.slice(4)), { responseCode: Number(reply.slice(0, 3)) });
    const server = new SMTPServer({
      disabledCommands: ['STARTTLS'],
      authOptional: true,
      allowInsecureAuth: true,
      onAuth: ({ password }, _session, done) => {
        if (mails.logIn(password ?? '')) return done(null, { user: 'sender' });
        return done(errorOf('535 wrong password'));
      },
      onMailFrom: (_address, _session, done) => done(errorOf(mails.answerSender())),
      onRcptTo: ({ address }, _session, done) => done(errorOf(mails.answer(address))),
      onData: (stream, { envelope }, done) => {
        let source = '';
        stream.setEncoding('utf8').on('data', (part: string) => (source += part));
        stream.on('end', () => {
          const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
          mails.taken.push({ from, to: envelope.rcptTo.map(({ address }) => address), source });
          done();
        });
      },
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    mails.url = `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
    ends.push(
      () =>
        new Promise((resolve) => {
          server.close(() => resolve());
        }),
    );
    return mails;
  };
}
