import type { ComponentChildren, VNode } from 'preact';
import { VERSION } from '../../../../shared/project';
import type { CheckStatus, Finding } from '../../../admin/health/finding';
import { type HealthReport, readHealth } from '../../../admin/health/health-report';
import { countText } from '../../design/count-text';
import { DataTable, Panel, RelativeTime, Split, State, Tiles } from '../../design/app-parts';
import { ButtonLink } from '../../design/form';
import { Facts } from '../../design/text';
import { ConsoleLayout } from '../console-layout';
import { type ConsoleOperator, consolePage } from '../console-page';
import { runbookOf, wordsOf } from './health-words';

const PATH = '/console/health';

const STATES = {
  OK: { kind: 'active', text: 'OK' },
  WARN: { kind: 'suspended', text: 'Degraded' },
  FAIL: { kind: 'ended', text: 'Failed' },
} as const;

/** Worst first. */
const STATUSES: readonly CheckStatus[] = ['FAIL', 'WARN', 'OK'];

/** A check with everything that it found, and the worst of its states. */
interface Check {
  name: string;
  status: CheckStatus;
  findings: readonly Finding[];
}

/** Returns the checks, worst first, otherwise in the order of their findings. */
function checksOf(findings: readonly Finding[]): Check[] {
  const names = [...new Set(findings.map(({ check }) => check))];
  const checks = names.map((name) => {
    const own = findings.filter(({ check }) => check === name);
    return { name, status: STATUSES.find((status) => own.some(({ verdict }) => verdict === status))!, findings: own };
  });
  return STATUSES.flatMap((wanted) => checks.filter(({ status }) => status === wanted));
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

const idOf = (check: string): string => check.replaceAll(/[^a-z0-9]+/g, '-');

/** Shows text between backticks as code, and begins with a capital letter. */
function Coded({ text }: { text: string }): VNode {
  const parts = (text.charAt(0).toUpperCase() + text.slice(1)).split('`');
  return <>{parts.map((part, n) => (n % 2 === 1 ? <code key={String(n)}>{part}</code> : part))}</>;
}

function CheckState({ status }: { status: CheckStatus }): VNode {
  const { kind, text } = STATES[status];
  return <State kind={kind}>{text}</State>;
}

/** Checks that found the same. */
type Problem = readonly Check[];

const isProblem = ({ verdict }: Finding): boolean => verdict !== 'OK';

/** Returns the checks that did not pass, those that found the same together. */
function problemsOf(checks: readonly Check[]): Problem[] {
  const problems = new Map<string, Check[]>();
  for (const check of checks.filter(({ status }) => status !== 'OK')) {
    const found = check.findings.filter(isProblem).map(({ verdict, found, remedy }) => [verdict, found, remedy]);
    const key = JSON.stringify(found);
    problems.set(key, [...(problems.get(key) ?? []), check]);
  }
  return [...problems.values()];
}

function ProblemView({ problem }: { problem: Problem }): VNode {
  const [{ name, status, findings }] = problem as [Check];
  const { title, meaning, page } = wordsOf(name);
  const found = findings.filter(isProblem);
  const runbook = runbookOf(name, found);
  return (
    <article class="problem">
      <header>
        <h3>
          {problem.map((check, n) => (
            <>
              {n > 0 && ', '}
              <span id={idOf(check.name)}>
                {n > 0 ? lowerFirst(wordsOf(check.name).title) : wordsOf(check.name).title}
              </span>
            </>
          ))}
        </h3>
        <CheckState status={status} />
      </header>
      {problem.length === 1 && <p class="quiet small">{meaning}</p>}
      {found.map((one) => (
        <Facts
          key={one.found}
          facts={[
            ['Found', <Coded text={one.found} />],
            one.remedy === null ? null : ['What to do', <Coded text={one.remedy} />],
          ]}
        />
      ))}
      {runbook !== null && (
        <p>
          {page !== undefined && (
            <>
              <a href={page}>Open {lowerFirst(title)}</a>,{' '}
            </>
          )}
          <a href={`/runbook#${runbook}`}>{page === undefined ? 'Open' : 'or'} the runbook for this check</a>
        </p>
      )}
    </article>
  );
}

function Passed({ checks }: { checks: readonly Check[] }): VNode {
  return (
    <DataTable
      caption="Checks that passed"
      columns={[{ text: 'Check' }, { text: 'State' }, { text: 'Found' }]}
      rows={checks.map(({ name, status, findings }) => {
        const { title, meaning } = wordsOf(name);
        return {
          key: name,
          cells: [
            <div id={idOf(name)}>
              {title}
              <br />
              <span class="quiet small">{meaning}</span>
            </div>,
            <CheckState status={status} />,
            <span>
              {findings.map(({ found }, n) => (
                <>
                  {n > 0 && <br />}
                  <Coded text={found} />
                </>
              ))}
            </span>,
          ],
        };
      })}
    />
  );
}

function workersText(workers: number | null): ComponentChildren {
  if (workers === null) return 'Not known';
  return workers === 0 ? 'None connected' : countText(workers);
}

function ThisServer({ workers }: Pick<HealthReport, 'workers'>): VNode {
  return (
    <Panel title="This server">
      <Facts
        facts={[
          ['Version', VERSION],
          ['Node.js', process.versions.node],
          ['This API process', <StartedAt />],
          ['Worker processes', workersText(workers)],
        ]}
      />
      <p class="quiet small">
        Checked by the process that shows this page. Other API processes have the same databases, but their own settings
        and disks.
      </p>
      <p class="quiet small">
        While MongoDB is down, you can’t log in here. Run <code>mir doctor</code> on the server instead: it runs the
        same checks, and also looks for what a crashed <code>npm start</code> left behind.{' '}
        <a href="/runbook">The runbook</a> needs no database.
      </p>
    </Panel>
  );
}

function StartedAt(): VNode {
  return (
    <>
      started <RelativeTime at={new Date(Date.now() - process.uptime() * 1_000)} />
    </>
  );
}

function titleOf(problems: number): string {
  return problems === 1 ? '1 check needs attention' : `${problems} checks need attention`;
}

function Health({ report: { at, findings, workers }, operator }: { report: HealthReport; operator: ConsoleOperator }) {
  const checks = checksOf(findings);
  const count = (wanted: CheckStatus): number => checks.filter(({ status }) => status === wanted).length;
  const problems = problemsOf(checks);
  const passed = checks.filter(({ status }) => status === 'OK');
  return (
    <ConsoleLayout
      title="Health"
      current={PATH}
      operator={operator}
      lead={
        <>
          {problems.length === 0 ? 'Every check passed' : titleOf(checks.length - passed.length)},{' '}
          <RelativeTime at={at} />.
        </>
      }
      aside={
        <ButtonLink href={PATH} plain>
          Check again
        </ButtonLink>
      }
    >
      <Tiles
        label="Results"
        tiles={[
          { label: 'Failed', figure: count('FAIL'), note: 'Rejects or loses data, or is about to' },
          { label: 'Degraded', figure: count('WARN'), note: 'Works, but not as it should' },
          { label: 'Passed', figure: count('OK'), note: 'Nothing to do' },
        ]}
      />
      <Split>
        <div>
          {problems.length > 0 && (
            <Panel title="What to fix" flush>
              {problems.map((problem) => (
                <ProblemView key={problem[0]!.name} problem={problem} />
              ))}
            </Panel>
          )}
          {passed.length > 0 && (
            <Panel title="Passed" flush>
              <details open={problems.length === 0}>
                <summary>{passed.length === 1 ? 'Show 1 check' : `Show ${passed.length} checks`}</summary>
                <Passed checks={passed} />
              </details>
            </Panel>
          )}
        </div>
        <ThisServer workers={workers} />
      </Split>
    </ConsoleLayout>
  );
}

/** What `mir doctor` checks, in plain words. Works while Redis is down; a session needs MongoDB. */
export const healthPage = consolePage({
  method: 'GET',
  path: '/health',
  right: 'health:read',
  handle: async ({ ctx, operator }) => ({ html: <Health report={await readHealth(ctx)} operator={operator} /> }),
});
