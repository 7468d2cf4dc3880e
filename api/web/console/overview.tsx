import type { VNode } from 'preact';
import { OPERATOR_ROLE_MEANINGS, OPERATOR_ROLE_NAMES } from '../../../shared/domain/roles';
import { pageOfApplications } from '../../partners/list-applications';
import type { PresentedApplication } from '../../partners/present-application';
import { Panel, Split } from '../design/app-parts';
import { Facts } from '../design/text';
import { ApplicationsTable } from './applications/applications-table';
import { NeedsAttention, readConcerns } from './attention';
import { ConsoleLayout } from './console-layout';
import { type ConsoleOperator, consolePage } from './console-page';

/** Number of applications on the overview. */
const SHOWN_APPLICATIONS = 5;

function waitingText(count: number): string {
  return count === 1 ? '1 application waits for a decision' : `${count} applications wait for a decision`;
}

function NewestApplications({ pending, newest }: { pending: number; newest: readonly PresentedApplication[] }): VNode {
  const all = <a href="/console/applications">{pending > newest.length ? `Show all ${pending}` : 'Show all'}</a>;
  return (
    <Panel title={waitingText(pending)} action={all} flush>
      <ApplicationsTable
        caption="Newest applications that wait for a decision"
        applications={newest}
        withStatus={false}
      />
    </Panel>
  );
}

interface OverviewProps {
  concerns: Awaited<ReturnType<typeof readConcerns>>;
  newest: readonly PresentedApplication[];
  operator: ConsoleOperator;
}

function Overview({ concerns, newest, operator }: OverviewProps): VNode {
  const { name, role, pendingApplications } = operator;
  return (
    <ConsoleLayout title="Overview" current="/console" operator={operator}>
      <Split>
        <div>
          <NeedsAttention concerns={concerns} />
          {newest.length > 0 && <NewestApplications pending={pendingApplications} newest={newest} />}
        </div>
        <Panel title="You">
          <Facts
            facts={[
              ['Name', name],
              ['Role', OPERATOR_ROLE_NAMES[role]],
              ['What it allows', OPERATOR_ROLE_MEANINGS[role]],
            ]}
          />
          <p class="quiet small">
            What you decide here is written to the audit log with your name. Your sessions are in{' '}
            <a href="/portal">the portal</a>.
          </p>
        </Panel>
      </Split>
    </ConsoleLayout>
  );
}

/** What needs an operator's attention. */
export const overviewPage = consolePage({
  method: 'GET',
  path: '',
  right: 'partners:read',
  handle: async ({ ctx, operator }) => {
    const [concerns, { data }] = await Promise.all([
      readConcerns({ ctx, operator }),
      pageOfApplications(ctx, { status: 'PENDING', limit: SHOWN_APPLICATIONS }),
    ]);
    return { html: <Overview concerns={concerns} newest={data} operator={operator} /> };
  },
});
