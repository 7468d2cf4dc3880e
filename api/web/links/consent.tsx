import type { VNode } from 'preact';
import { envOf } from '../../../shared/domain/ids';
import type { Signals } from '../../../shared/domain/signals';
import type { LinkRequestDoc } from '../../../shared/store/link-requests';
import type { PartnerDoc } from '../../../shared/store/partners';
import { Actions, Button, ButtonLink, Form } from '../design/form';
import { Layout } from '../design/layout';
import { Strata } from '../design/strata';
import { Columns, Facts, Heading, Marks, Notice, Num } from '../design/text';
import { withNext } from '../http/next-path';
import { accountWords } from './read-history';

type Shown = Pick<LinkRequestDoc, 'accountLabel' | 'tenant'>;

/** Name of the buttons' field, and what they send. */
export const DECISION_FIELD = 'decision';
export const CONNECT = 'connect';
export const DECLINE = 'decline';

function TestData({ request }: { request: Shown }): VNode | null {
  if (envOf(request.tenant) !== 'test') return null;
  return (
    <Notice kind="warn" title="This is a test">
      <p>It connects test data only. Nothing of your real history is shown or changed.</p>
    </Notice>
  );
}

/** Before log-in: who asks for what, and how to go on. */
export function Introduction({ request, partner, next }: { request: Shown; partner: PartnerDoc; next: string }): VNode {
  const title = `${partner.name} asks to connect an account`;
  return (
    <Layout title={title}>
      <Heading>{title}</Heading>
      <p>
        {partner.name} would like to link {accountWords(request.accountLabel, partner)} to your MIR identity. Log in to
        see what that means; you decide then. Nothing is shared until you confirm.
      </p>
      <TestData request={request} />
      <Actions>
        <ButtonLink href={withNext('/login', next)}>Log in</ButtonLink>
        <ButtonLink href={withNext('/signup', next)} plain>
          Sign up
        </ButtonLink>
      </Actions>
      <p class="quiet small">You did not ask for this at {partner.name}? Then close this page. Nothing will happen.</p>
    </Layout>
  );
}

interface ConsentProps {
  request: Shown;
  partner: PartnerDoc;
  /** What the partner would see, this account included. */
  signals: Signals;
  /** Where the decision is posted to. */
  action: string;
  /** The typed code, where it was one. */
  code?: string;
}

/** The question itself: who asks, which account, what will be seen and what will not. */
export function Consent({ request, partner, signals, action, code }: ConsentProps): VNode {
  const { eventCount, partnerCount, tier } = signals;
  return (
    <Layout title={`Connect to ${partner.name}`}>
      <Heading>Connect your {partner.name} account?</Heading>
      <p class="quiet">
        {partner.name} asked to link {accountWords(request.accountLabel, partner)} to your MIR identity. Nothing is
        shared until you confirm.
      </p>
      <TestData request={request} />
      <Facts
        facts={[
          ['Account', accountWords(request.accountLabel, partner)],
          [
            'Your history',
            <>
              <Num>{eventCount}</Num> {eventCount === 1 ? 'event' : 'events'} from <Num>{partnerCount}</Num>{' '}
              {partnerCount === 1 ? 'platform' : 'platforms'}, this account included
            </>,
          ],
          ['Depth', <Strata tier={tier} />],
        ]}
      />
      <Columns>
        <section>
          <h2>They will see</h2>
          <Marks
            items={[
              'How many events you have, on how many platforms',
              'How long your history is and how recent, by day',
              'These totals as they change, while you stay connected',
            ]}
          />
        </section>
        <section>
          <h2>They will not see</h2>
          <Marks
            no
            items={[
              'What you did on other platforms, or which ones',
              'Your e-mail address at MIR',
              'The names of your other accounts',
            ]}
          />
        </section>
      </Columns>
      <p>The events that {partner.name} reported count in the totals that your other connected platforms see.</p>
      <Form action={action} hidden={{ code: code ?? null }}>
        <Actions>
          <Button name={DECISION_FIELD} value={CONNECT}>
            Connect
          </Button>
          <Button kind="plain" name={DECISION_FIELD} value={DECLINE}>
            Not now
          </Button>
        </Actions>
      </Form>
      <p class="quiet small">
        Connect only an account of your own. You can disconnect at any time in your account. What {partner.name} has
        seen until then cannot be taken back.
      </p>
    </Layout>
  );
}
