import type { VNode } from 'preact';
import { contactHref } from '../../../shared/config/operator';
import { Panel, Split } from '../design/app-parts';
import { Actions, ButtonLink } from '../design/form';
import { Layout } from '../design/layout';
import { usePageFacts } from '../design/page-facts';
import { Columns, Facts, Heading, Marks } from '../design/text';
import { page } from '../http/page';
import { DELETED, NOT_DONE, SEEN, STORED } from '../privacy-facts';

/** Who operates this server and how to reach them, with links to their texts. */
function OperatorFacts(): VNode {
  const { name, contact, privacyUrl, termsUrl } = usePageFacts().operator;
  const link = (href: string | null, text: string) => href !== null && <a href={href}>{text}</a>;
  return (
    <Panel title="Who operates this server">
      {name === null && contact === null ? (
        <p>The operator has not published a name or contact. Find out who it is before you apply.</p>
      ) : (
        <Facts
          facts={[
            name === null ? null : ['Operator', <bdi>{name}</bdi>],
            contact === null ? null : ['Contact', link(contactHref(contact), contact)],
            privacyUrl === null ? null : ['Privacy', link(privacyUrl, 'Privacy policy')],
            termsUrl === null ? null : ['Terms', link(termsUrl, 'Terms of service')],
          ]}
        />
      )}
    </Panel>
  );
}

function HowToJoin(): VNode {
  const sendsMail = usePageFacts().mails !== 'off';
  return (
    <Panel title="How to join">
      <ol>
        <li>Apply with the name of your platform and what you plan to use MIR for. You don’t need an account.</li>
        {sendsMail && <li>Confirm your email address with the link that we email to you.</li>}
        <li>The operator of this server reads your application and decides on it.</li>
        {sendsMail ? (
          <li>
            If it’s approved, you get an invitation by email. Accept it to become the first administrator of your
            organization, and create API keys.
          </li>
        ) : (
          <li>This server sends no email, so the operator tells you the decision and gives you your API keys.</li>
        )}
        <li>Send a first event with your test key. Nothing that you do with it reaches live data.</li>
      </ol>
    </Panel>
  );
}

function PrivacyFacts(): VNode {
  return (
    <Panel title="What it costs your users in privacy">
      <p>
        MIR keeps a history of each user that you report. The history begins with the first event, whether or not the
        user knows MIR. Users decide only whether to connect their account, so tell them that you report to MIR.
      </p>
      <p>This is what people read on our home page. “You” is the person:</p>
      <Columns>
        <section>
          <h3>What MIR stores</h3>
          <Marks items={STORED} />
        </section>
        <section>
          <h3>Who sees it</h3>
          <Marks items={SEEN} />
        </section>
        <section>
          <h3>How to delete it</h3>
          <Marks items={DELETED} />
        </section>
        <section>
          <h3>What MIR doesn’t do</h3>
          <Marks no items={NOT_DONE} />
        </section>
      </Columns>
    </Panel>
  );
}

function About(): VNode {
  return (
    <Layout title="Become a partner" wide>
      <Heading>Become a partner</Heading>
      <p>
        MIR is a registry of people’s participation history. Shops, forums and marketplaces report what their users did.
        In return, they can ask what history a user has, here and on the platforms that the user has connected.
      </p>
      <Actions>
        <ButtonLink href="/partners/apply">Apply</ButtonLink>
        <ButtonLink href="/partners/status" plain>
          Follow your application
        </ButtonLink>
      </Actions>
      <Split>
        <div>
          <Panel title="What you get">
            <Marks
              items={[
                'The number of a user’s events and platforms, when the history began and how recent it is, as neutral facts',
                'For a user who connected their account: totals across all connected accounts, but no details from other platforms',
                'A test environment that is separate from live data',
                'An audit log of everything that you and the operator change',
              ]}
            />
          </Panel>
          <HowToJoin />
        </div>
        <div>
          <Panel title="What we expect from you">
            <Marks
              items={[
                'You report what happened on your platform, not what you think of a person',
                'You tell your users that you report to MIR',
                'You pass requests for erasure on to MIR',
                'You don’t treat the tier as a score: it says only how much history there is',
              ]}
            />
          </Panel>
          <OperatorFacts />
        </div>
      </Split>
      <PrivacyFacts />
      <p>
        To see how it works before you apply, read the <a href="/guide">Partner Guide</a> and the{' '}
        <a href="/docs">API reference</a>.
      </p>
    </Layout>
  );
}

/** What MIR is, for platforms that consider joining. */
export const partnersPage = page({
  method: 'GET',
  path: '/partners',
  always: true,
  handle: () => ({ html: <About /> }),
});
