import type { VNode } from 'preact';
import type { IdentityId } from '../../../shared/domain/ids';
import { doneText } from '../design/done-text';
import { Panel } from '../design/app-parts';
import { Beside } from '../design/beside';
import { Actions, ButtonLink } from '../design/form';
import { Chart } from '../design/chart';
import { Layout } from '../design/layout';
import { Strata } from '../design/strata';
import { Records } from '../design/records';
import { Day, Facts, Heading, Notice, Num } from '../design/text';
import { AccountName, describeAccount } from '../links/account-name';
import { type MyAccount, type MyHistory, readMyHistory } from '../../links/read-history';
import { withNext } from '../http/next-path';
import { page } from '../http/page';
import { readMonths } from './read-months';

/** Maps values of the `done` query parameter to notices, so that the page never displays text from its URL. */
const DONE: Record<string, string> = {
  disconnected: 'The account has been disconnected. The platform now sees only the events it reported itself.',
  pending:
    'The account has been disconnected. Part of our system is unavailable, so the platform may still see your history for a while. You don’t need to do anything.',
};

function Accounts({ label, accounts, empty }: { label: string; accounts: MyAccount[]; empty: string }): VNode {
  if (accounts.length === 0) return <p class="quiet">{empty}</p>;
  const records = accounts.map(({ account: { linkId, accountLabel: label, linkedAt }, partner, row }) => ({
    key: linkId,
    name: partner?.name ?? 'Unknown platform',
    lines: [
      <AccountName label={label} partner={partner} />,
      <>
        Since <Day at={linkedAt} /> · <Num>{row?.eventCount ?? 0}</Num> {row?.eventCount === 1 ? 'event' : 'events'}
      </>,
    ],
    action: (
      <a href={`/account/links/${linkId}`} aria-label={`Disconnect ${describeAccount({ label, partner })}`}>
        Disconnect
      </a>
    ),
  }));
  return <Records label={label} records={records} />;
}

/** The totals that connected platforms see. */
function Summary({ history: { signals } }: { history: MyHistory }): VNode {
  const { eventCount, partnerCount, recency, history, tier } = signals;
  return (
    <Panel title="Your history">
      <Facts
        facts={[
          ['Events', <Num>{eventCount}</Num>],
          ['Platforms', <Num>{partnerCount}</Num>],
          history.firstEventAt === null ? null : ['First event', <Day at={new Date(history.firstEventAt)} />],
          recency.lastEventAt === null ? null : ['Last event', <Day at={new Date(recency.lastEventAt)} />],
          ['Depth', <Strata tier={tier} />],
        ]}
      />
      <p class="quiet">
        Each connected platform sees these totals, and every detail of the events it reported itself. MIR doesn’t show
        platforms your events by month.
      </p>
    </Panel>
  );
}

type MonthCounts = Awaited<ReturnType<typeof readMonths>>;

function Months({ chart }: { chart: MonthCounts }): VNode {
  if (chart === null) {
    return <p class="quiet">We can’t count your events by month right now. Reload this page later.</p>;
  }
  return (
    <Chart
      title="Events by month"
      months={chart.months}
      series={chart.series}
      empty="Events from connected platforms will appear here, month by month."
    />
  );
}

interface AccountProps {
  live: MyHistory;
  test: MyHistory;
  chart: MonthCounts;
  done?: string | undefined;
}

function Account({ live, test, chart, done }: AccountProps): VNode {
  return (
    <Layout title="Your MIR account" beside>
      <Heading>Your MIR account</Heading>
      {done && (
        <Notice>
          <p>{done}</p>
        </Notice>
      )}
      <Beside
        summary={<Summary history={live} />}
        rest={
          <>
            <Panel>
              <Months chart={chart} />
            </Panel>
            {test.accounts.length > 0 && (
              <Panel title="Test data">
                <p class="quiet">Platforms use these accounts for testing. They don’t affect your real history.</p>
                <Accounts label="Test accounts" accounts={test.accounts} empty="" />
              </Panel>
            )}
            <Panel title="Your data">
              <ul class="ways">
                <li>
                  <a href="/account/export">Export your data as JSON</a>
                </li>
                <li>
                  <a href="/forgot">Choose a new password</a>
                </li>
                <li>
                  <a href="/account/delete">Delete MIR account</a>
                </li>
              </ul>
            </Panel>
          </>
        }
      >
        <Panel title="Connected platforms">
          <Accounts
            label="Connected accounts"
            accounts={live.accounts}
            empty="Nothing is connected yet. Platforms that use MIR give you a link or a code. Accounts you connect appear here."
          />
          <Actions>
            <ButtonLink href="/link">Enter a code</ButtonLink>
          </Actions>
        </Panel>
      </Beside>
    </Layout>
  );
}

/** The account page: connected platforms, history, and links for exporting or deleting data. */
export const accountPage = page({
  method: 'GET',
  path: '/account',
  handle: async ({ ctx, session, query }) => {
    if (!session) return { redirect: withNext('/login', '/account') };
    const now = new Date();
    const identityId = session.identityId as IdentityId;
    const [live, test] = await Promise.all([
      readMyHistory(ctx, identityId, 'live', now),
      readMyHistory(ctx, identityId, 'test', now),
    ]);
    const chart = await readMonths(ctx, live.accounts, now);
    const done = doneText(DONE, query['done']);
    return { html: <Account live={live} test={test} chart={chart} done={done} /> };
  },
});
