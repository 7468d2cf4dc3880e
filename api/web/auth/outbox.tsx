import type { VNode } from 'preact';
import { PublicError } from '../../http/public-error';
import type { OutboxMailDoc } from '../../../shared/store/outbox-mails';

import { Layout } from '../design/layout';
import { Facts, Heading } from '../design/text';
import { isLoopback } from '../../../shared/config/loopback';
import { page } from '../http/page';

const SHOWN_MAILS = 50;

const LINK_TEXT_LENGTH = 64;
const shortened = (link: string): string =>
  link.length > LINK_TEXT_LENGTH ? `${link.slice(0, LINK_TEXT_LENGTH)}…` : link;

/** A mail's text, its links clickable. */
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
    <Layout title="Outbox">
      <Heading>Outbox</Heading>
      <p class="quiet">
        Mails that this MIR would have sent, newest first. They stay here because SMTP_URL is not set, and are deleted
        after a day.
      </p>
      {mails.length === 0 && <p>No mails yet. Sign up, and the first one appears here.</p>}
      {mails.map(({ _id, to, subject, text, createdAt }) => (
        <article key={_id}>
          <h2>{subject}</h2>
          <Facts
            facts={[
              ['To', to],
              [
                'At',
                <time dateTime={createdAt.toISOString()}>
                  {createdAt.toISOString().replace('T', ' ').slice(0, 19)} UTC
                </time>,
              ],
            ]}
          />
          <Text text={text.trim()} />
        </article>
      ))}
    </Layout>
  );
}

/** Everybody's mails, for trying MIR on a laptop: for this machine only, and not where mails are sent. */
export const outboxPage = page({
  method: 'GET',
  path: '/outbox',
  handle: async ({ ctx, host, peer }) => {
    const { mail, publicUrl } = ctx.config;
    if (mail.kind !== 'outbox') throw new PublicError('NOT_FOUND', 'This MIR sends its mails.');
    if (!isLoopback(peer)) throw new PublicError('NOT_FOUND', 'The outbox opens only on the machine that runs MIR.');
    // Against DNS rebinding: a site that points its own name at this machine could read the mails in a browser on it.
    if (host !== new URL(publicUrl).host) throw new PublicError('NOT_FOUND', `The outbox is at ${publicUrl}/outbox.`);
    return { html: <Outbox mails={await ctx.store.outboxMails.newest(SHOWN_MAILS)} /> };
  },
});
