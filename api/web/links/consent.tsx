import type { VNode } from 'preact';
import { envOf } from '../../../shared/domain/ids';
import type { Signals } from '../../../shared/domain/signals';
import type { LinkRequestDoc } from '../../../shared/store/link-requests';
import type { PartnerDoc } from '../../../shared/store/partners';
import { Panel } from '../design/app-parts';
import { Beside } from '../design/beside';
import { Actions, Button, ButtonLink, Form } from '../design/form';
import { Layout } from '../design/layout';
import { Strata } from '../design/strata';
import { Facts, Heading, Marks, Notice, Num } from '../design/text';
import { withNext } from '../http/next-path';
import { AccountName } from './account-name';

type Shown = Pick<LinkRequestDoc, 'accountLabel' | 'tenant'>;

/** Name of the form field that the decision buttons set, and its values. */
export const DECISION_FIELD = 'decision';
export const CONNECT = 'connect';
export const DECLINE = 'decline';

function TestData({ request }: { request: Shown }): VNode | null {
  if (envOf(request.tenant) !== 'test') return null;
  return (
    <Notice kind="warn" title="This is a test">
      <p>It connects only test data. Your real history is not shown or changed.</p>
    </Notice>
  );
}

/** Shown before login. Identifies the account and the platform that asks to connect it. */
export function Introduction({ request, partner, next }: { request: Shown; partner: PartnerDoc; next: string }): VNode {
  const title = `${partner.name} wants to connect an account`;
  return (
    <Layout title={title} beside>
      <Heading>{title}</Heading>
      <TestData request={request} />
      <Beside
        summary={
          <Panel>
            <p class="quiet">Didn’t ask for this at {partner.name}? Close this page, and nothing will happen.</p>
          </Panel>
        }
      >
        <Panel>
          <p>
            {partner.name} would like to connect <AccountName label={request.accountLabel} partner={partner} /> to your
            MIR account. Log in to see what that means, then decide. Nothing is shared until you confirm.
          </p>
          <Actions>
            <ButtonLink href={withNext('/login', next)}>Log in</ButtonLink>
            <ButtonLink href={withNext('/signup', next)} plain>
              Sign up
            </ButtonLink>
          </Actions>
        </Panel>
      </Beside>
    </Layout>
  );
}

function WhatTheySee(): VNode {
  return (
    <>
      <Panel title="They’ll see">
        <Marks
          items={[
            'How many events you have, and on how many platforms',
            'How long and how recent your history is, to the day',
            'Changes to these totals, while you stay connected',
          ]}
        />
      </Panel>
      <Panel title="They won’t see">
        <Marks
          no
          items={[
            'What you did on other platforms, or which platforms they are',
            'Your email address at MIR',
            'The names of your other accounts',
          ]}
        />
      </Panel>
    </>
  );
}

interface ConsentProps {
  request: Shown;
  partner: PartnerDoc;
  /** What the partner would see, including the events of this account. */
  signals: Signals;
  /** Path that the decision is posted to. */
  action: string;
  /** The code, if the person typed one. */
  code?: string;
}

/**
 * Asks for consent. Shows the account, the platform that asks to connect it, and what the platform will and won't see.
 */
export function Consent({ request, partner, signals, action, code }: ConsentProps): VNode {
  const { eventCount, partnerCount, tier } = signals;
  return (
    <Layout title={`Connect to ${partner.name}`} beside>
      <Heading>Connect your {partner.name} account?</Heading>
      <p class="quiet">
        {partner.name} asked to connect <AccountName label={request.accountLabel} partner={partner} /> to your MIR
        account. Nothing is shared until you confirm.
      </p>
      <TestData request={request} />
      <Beside
        summary={<WhatTheySee />}
        rest={
          <Panel>
            <p>The totals that your other connected platforms see will include the events {partner.name} reported.</p>
            <Form action={action} hidden={{ code: code ?? null }}>
              <Actions>
                <Button name={DECISION_FIELD} value={CONNECT}>
                  Connect
                </Button>
                <Button kind="plain" name={DECISION_FIELD} value={DECLINE}>
                  Decline
                </Button>
              </Actions>
            </Form>
            <p class="quiet small">
              Connect only your own accounts. You can disconnect at any time in your MIR account, but we can’t take back
              what {partner.name} has already seen.
            </p>
          </Panel>
        }
      >
        <Panel>
          <Facts
            facts={[
              ['Account', <AccountName label={request.accountLabel} partner={partner} />],
              [
                'Your history',
                <>
                  <Num>{eventCount}</Num> {eventCount === 1 ? 'event' : 'events'} from <Num>{partnerCount}</Num>{' '}
                  {partnerCount === 1 ? 'platform' : 'platforms'}, including this account
                </>,
              ],
              ['Depth', <Strata tier={tier} />],
            ]}
          />
        </Panel>
      </Beside>
    </Layout>
  );
}
