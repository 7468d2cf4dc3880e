import type { VNode } from 'preact';
import type { IdentityId } from '../../../shared/domain/ids';
import { ButtonLink } from '../design/form';
import { Chart } from '../design/chart';
import { Layout } from '../design/layout';
import { Strata } from '../design/strata';
import { Records } from '../design/records';
import { Day, Facts, Heading, Notice, Num } from '../design/text';
import { accountWords, type MyAccount, type MyHistory, readMyHistory } from '../links/read-history';
import { withNext } from '../http/next-path';
import { page } from '../http/page';
import { readMonths } from './read-months';

/** What was done just before, by the `done` of the address. Nothing else of the address is ever shown. */
const DONE: Record<string, string> = {
  disconnected: 'The account is disconnected. Its platform sees only its own events again.',
  pending:
    'The account is disconnected. Part of our system cannot be reached, so its platform may still see your history for a moment; it will end by itself.',
};

const wordsOf = ({ account, partner }: MyAccount): string =>
  partner ? accountWords(account.accountLabel, partner) : (account.accountLabel ?? 'an account');

function Accounts({ label, accounts, empty }: { label: string; accounts: MyAccount[]; empty: string }): VNode {
  if (accounts.length === 0) return <p class="quiet">{empty}</p>;
  const records = accounts.map((mine) => ({
    key: mine.account.linkId,
    name: mine.partner?.name ?? 'A platform that is gone',
    lines: [
      wordsOf(mine),
      <>
        Since <Day at={mine.account.linkedAt} /> · <Num>{mine.row?.eventCount ?? 0}</Num>{' '}
        {mine.row?.eventCount === 1 ? 'event' : 'events'}
      </>,
    ],
    action: (
      <a href={`/account/links/${mine.account.linkId}`} aria-label={`Disconnect ${wordsOf(mine)}`}>
        Disconnect
      </a>
    ),
  }));
  return <Records label={label} records={records} />;
}

function History({ history: { signals } }: { history: MyHistory }): VNode {
  const { eventCount, partnerCount, recency, history, tier } = signals;
  return (
    <Facts
      facts={[
        ['Events', <Num>{eventCount}</Num>],
        ['Platforms', <Num>{partnerCount}</Num>],
        history.firstEventAt === null ? null : ['First event', <Day at={new Date(history.firstEventAt)} />],
        recency.lastEventAt === null ? null : ['Last event', <Day at={new Date(recency.lastEventAt)} />],
        ['Depth', <Strata tier={tier} />],
      ]}
    />
  );
}

interface AccountProps {
  live: MyHistory;
  test: MyHistory;
  chart: Awaited<ReturnType<typeof readMonths>>;
  done?: string | undefined;
}

function Account({ live, test, chart, done }: AccountProps): VNode {
  return (
    <Layout title="My account">
      <Heading>My account</Heading>
      {done && (
        <Notice>
          <p>{done}</p>
        </Notice>
      )}
      <section>
        <h2>My platforms</h2>
        <Accounts
          label="Connected accounts"
          accounts={live.accounts}
          empty="Nothing is connected yet. A platform that takes part gives you a link or a code; what you connect appears here."
        />
        <p>
          <ButtonLink href="/link" plain>
            Enter a code
          </ButtonLink>
        </p>
      </section>
      <section>
        <h2>My history</h2>
        <p class="quiet">
          Each connected platform sees these totals, and in full the events it reported itself. The months are for you;
          platforms do not see them.
        </p>
        <History history={live} />
        {chart === null ? (
          <p class="quiet">The events by month cannot be counted at the moment. Load the page again later.</p>
        ) : (
          <Chart
            title="Events by month"
            months={chart.months}
            series={chart.series}
            empty="Events of connected platforms will appear here, month by month."
          />
        )}
      </section>
      {test.accounts.length > 0 && (
        <section>
          <h2>Test data</h2>
          <p class="quiet">Platforms connected these to try things out. They touch nothing of your real history.</p>
          <Accounts label="Accounts of test data" accounts={test.accounts} empty="" />
        </section>
      )}
      <section>
        <h2>My data</h2>
        <ul class="ways">
          <li>
            <a href="/account/export">Export my data as JSON</a>
          </li>
          <li>
            <a href="/forgot">Choose a new password</a>
          </li>
          <li>
            <a href="/account/delete">Delete my identity</a>
          </li>
        </ul>
      </section>
    </Layout>
  );
}

/** `/account`: my platforms, my history, and what I can do about both. */
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
    const done = Object.hasOwn(DONE, query['done'] ?? '') ? DONE[query['done']!] : undefined;
    return { html: <Account live={live} test={test} chart={chart} done={done} /> };
  },
});
