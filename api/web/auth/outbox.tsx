import type { VNode } from 'preact';
import { PublicError } from '../../http/public-error';
import type { OutboxMailDoc } from '../../../shared/store/outbox-mails';

import { Panel } from '../design/app-parts';
import { Beside } from '../design/beside';
import { Layout } from '../design/layout';
import { Facts, Heading } from '../design/text';
import { isLoopback } from '../../../shared/config/loopback';
import { page } from '../http/page';

const MAX_SHOWN_EMAILS = 50;

const LINK_TEXT_LENGTH = 64;
const shortened = (link: string): string =>
  link.length > LINK_TEXT_LENGTH ? `${link.slice(0, LINK_TEXT_LENGTH)}…` : link;

/** Renders an email's text with clickable links. */
function Text({ text }: { text: string }): VNode {
  return (
    <>
      {text.split(/\n{2,}/).map((paragraph) => (
        <p key={paragraph}>
          {/^https?:\/\/\S+$/.test(paragraph) ? <a href={paragraph}>{shortened(paragraph)}</a> : paragraph}
        </p>
      ))}
    </>
  );
}

function Outbox({ mails }: { mails: OutboxMailDoc[] }): VNode {
  return (
    <Layout title="Outbox" beside>
      <Heading>Outbox</Heading>
      <p class="quiet">
        Emails this MIR server would have sent, newest first. They stay here because SMTP_URL is not set. We delete them
        after a day.
      </p>
      {mails.length === 0 && (
        <Panel>
          <p>No emails yet. Sign up, and the first email will appear here.</p>
        </Panel>
      )}
      {mails.map(({ _id, to, subject, text, createdAt }) => (
        <article key={_id}>
          <Panel title={subject}>
            <Beside
              summary={
                <Facts
                  facts={[
                    ['To', to],
                    [
                      'Time',
                      <time dateTime={createdAt.toISOString()}>
                        {createdAt.toISOString().replace('T', ' ').slice(0, 19)} UTC
                      </time>,
                    ],
                  ]}
                />
              }
            >
              <div class="mail-text">
                <Text text={text.trim()} />
              </div>
            </Beside>
          </Panel>
        </article>
      ))}
    </Layout>
  );
}

/**
 * Shows the emails for all recipients, for trying out MIR on a laptop. Unavailable when the server sends email, and
 * accessible only from the machine itself.
 */
export const outboxPage = page({
  method: 'GET',
  path: '/outbox',
  handle: async ({ ctx, host, peer }) => {
    const { mail, publicUrl } = ctx.config;
    if (mail.kind !== 'outbox') throw new PublicError('NOT_FOUND', 'This MIR server sends email, so it has no outbox.');
    if (!isLoopback(peer)) throw new PublicError('NOT_FOUND', 'Open the outbox on the machine that runs MIR.');
    // Prevents DNS rebinding: a site whose name resolves to this machine could otherwise read the emails.
    if (host !== new URL(publicUrl).host) throw new PublicError('NOT_FOUND', `Open the outbox at ${publicUrl}/outbox.`);
    return { html: <Outbox mails={await ctx.store.outboxMails.newest(MAX_SHOWN_EMAILS)} /> };
  },
});
