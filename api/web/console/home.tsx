import type { VNode } from 'preact';
import { OPERATOR_ROLE_MEANINGS, OPERATOR_ROLE_NAMES } from '../../../shared/domain/roles';
import { pageOfApplications } from '../../partners/list-applications';
import type { PresentedApplication } from '../../partners/present-application';
import { Empty, Panel, Split } from '../design/app-parts';
import { Facts } from '../design/text';
import { type Operator, operatorPage } from '../http/page';
import { ApplicationsTable } from './applications-table';
import { ConsoleLayout } from './console-layout';

/** Number of applications on the overview. */
const SHOWN_APPLICATIONS = 5;

function waitingText(count: number): string {
  return count === 1 ? '1 application waits for a decision' : `${count} applications wait for a decision`;
}

function NeedsAttention({ pending, newest }: { pending: number; newest: readonly PresentedApplication[] }): VNode {
  if (newest.length === 0) {
    return (
      <Panel title="Needs attention" flush>
        <Empty title="Nothing needs attention">
          <p>
            Applications of platforms that want to join appear here. They apply at <a href="/partners">/partners</a>.
          </p>
        </Empty>
      </Panel>
    );
  }
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

function Overview({
  pending,
  newest,
  operator: { name, role },
}: {
  pending: number;
  newest: readonly PresentedApplication[];
  operator: Operator;
}): VNode {
  return (
    <ConsoleLayout title="Overview" current="/console" pending={pending}>
      <Split>
        <NeedsAttention pending={pending} newest={newest} />
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
export const consolePage = operatorPage({
  method: 'GET',
  path: '/console',
  right: 'partners:read',
  handle: async ({ ctx, operator }) => {
    const [pending, { data }] = await Promise.all([
      ctx.store.applications.countPending(),
      pageOfApplications(ctx, { status: 'PENDING', limit: SHOWN_APPLICATIONS }),
    ]);
    return { html: <Overview pending={pending} newest={data} operator={operator} /> };
  },
});
