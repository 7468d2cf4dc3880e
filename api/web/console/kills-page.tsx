import type { VNode } from 'preact';
import { type Env, envOf, type PartnerId, partnerOf } from '../../../shared/domain/ids';
import { readOpenCascades } from '../../agents/get-cascade';
import { findAnyCascade, readKillReport } from '../../agents/kill-report';
import { presentCascade, type PresentedCascade } from '../../agents/present-cascade';
import type { ApiContext } from '../../context';
import { countText, KillReport, KillState } from '../agents/kill-parts';
import { DataTable, Empty, Panel, RelativeTime } from '../design/app-parts';
import { Notice } from '../design/text';
import { agentPath, ENVIRONMENT_NAMES } from './agent-parts';
import { ConsoleLayout } from './console-layout';
import { type ConsoleOperator, consolePage } from './console-page';
import { KILLS, killPath } from './kill-path';
import { partnerPath } from './partner-parts';

/** Maximum number of open kills on the page. */
const MAX_OPEN = 50;
/** Number of the latest kills among which the page shows the completed ones. */
const MAX_LATEST = 20;
/** How often pages reload while a kill is being carried out. */
const RELOAD_SECONDS = 3;

/** A kill with the names of its agent and partner. */
interface NamedKill {
  kill: PresentedCascade;
  env: Env;
  agentName: string;
  partnerName: string;
}

async function withNames(
  { store }: Pick<ApiContext, 'store'>,
  kills: readonly (PresentedCascade & { env: Env })[],
): Promise<NamedKill[]> {
  const [agents, partners] = await Promise.all([
    store.agents.onPaths([...new Set(kills.map(({ agentId }) => agentId))]),
    store.partners.many([...new Set(kills.map(({ partnerId }) => partnerId as PartnerId))]),
  ]);
  return kills.map(({ env, ...kill }) => ({
    kill,
    env,
    agentName: agents.get(kill.agentId)?.name ?? kill.agentId,
    partnerName: partners.get(kill.partnerId as PartnerId)?.name ?? kill.partnerId,
  }));
}

function KillTable({ caption, kills }: { caption: string; kills: readonly NamedKill[] }): VNode {
  return (
    <DataTable
      caption={caption}
      columns={[
        { text: 'Agent' },
        { text: 'State' },
        { text: 'Revoked', numeric: true },
        { text: 'Partner' },
        { text: 'Environment' },
        { text: 'Ordered' },
      ]}
      rows={kills.map(({ kill, env, agentName, partnerName }) => ({
        key: kill.cascadeId,
        cells: [
          <a href={killPath(kill.cascadeId)}>
            <bdi>{agentName}</bdi>
          </a>,
          <KillState {...kill} />,
          kill.affected === null
            ? countText(kill.revoked)
            : `${countText(kill.revoked)} of ${countText(kill.affected)}`,
          <a href={partnerPath(kill.partnerId)}>
            <bdi>{partnerName}</bdi>
          </a>,
          ENVIRONMENT_NAMES[env],
          <RelativeTime at={new Date(kill.createdAt)} />,
        ],
      }))}
    />
  );
}

interface KillsProps {
  operator: ConsoleOperator;
  open: readonly NamedKill[];
  /** Number of open kills, which may be more than those in `open`. */
  openCount: number;
  completed: readonly NamedKill[];
}

function Kills({ operator, open, openCount, completed }: KillsProps): VNode {
  return (
    <ConsoleLayout
      title="Kills"
      current={KILLS}
      operator={operator}
      lead="Agents that were stopped for good, with everything below them, in all partners and environments."
    >
      <Panel
        title={
          openCount > open.length ? `Being carried out: the oldest ${open.length} of ${openCount}` : 'Being carried out'
        }
        flush
      >
        {open.length === 0 ? (
          <Empty title="No kill is being carried out">
            <p>
              To stop an agent, <a href="/console/search">search</a> for it.
            </p>
          </Empty>
        ) : (
          <KillTable caption="Kills that are being carried out, oldest first" kills={open} />
        )}
      </Panel>
      {completed.length > 0 && (
        <Panel title="Latest completed" flush>
          <KillTable caption="Latest completed kills, newest first" kills={completed} />
        </Panel>
      )}
    </ConsoleLayout>
  );
}

/** Kills of all partners: those that are being carried out, and the latest completed ones. */
export const killsPage = consolePage({
  method: 'GET',
  path: '/kills',
  right: 'partners:read',
  handle: async ({ ctx, operator }) => {
    const [{ data, open: openCount }, latest] = await Promise.all([
      readOpenCascades(ctx, MAX_OPEN),
      ctx.store.cascades.latest(MAX_LATEST),
    ]);
    const closed = latest.filter(({ closedAt }) => closedAt !== null);
    // Once a kill is completed, its own count is final.
    const presented = closed.map((one) => ({ ...presentCascade(one, one.revoked), env: envOf(one.tenant) }));
    const [open, completed] = await Promise.all([withNames(ctx, data), withNames(ctx, presented)]);
    return {
      headers: openCount > 0 ? { Refresh: String(RELOAD_SECONDS) } : {},
      html: <Kills {...{ operator, open, openCount, completed }} />,
    };
  },
});

function Report({ operator, named }: { operator: ConsoleOperator; named: NamedKill }): VNode {
  const { kill, env, agentName, partnerName } = named;
  return (
    <ConsoleLayout
      title={kill.effectiveAt === null ? `Stopping ${agentName}` : `${agentName} is stopped`}
      current={KILLS}
      operator={operator}
      lead={
        kill.status === 'CLOSED'
          ? 'This page has a permanent address and prints well.'
          : 'This page reloads until every key is deleted.'
      }
    >
      {kill.parked > 0 && (
        <Notice kind="warn" title="Some agents could not be revoked yet">
          <p>
            MIR rejects their keys and keeps retrying. <code>mir agents cascade {kill.cascadeId}</code> lists them.
          </p>
        </Notice>
      )}
      <KillReport
        kill={kill}
        receiversOf="The partner’s receivers"
        about={[
          [
            'Partner',
            <a href={partnerPath(kill.partnerId)}>
              <bdi>{partnerName}</bdi>
            </a>,
          ],
          ['Environment', ENVIRONMENT_NAMES[env]],
          [
            'Agent',
            <a href={agentPath(kill.agentId)}>
              <bdi>{agentName}</bdi>
            </a>,
          ],
        ]}
      />
    </ConsoleLayout>
  );
}

/** The report of a kill of any partner. */
export const anyKillReportPage = consolePage({
  method: 'GET',
  path: '/kills/:id',
  right: 'partners:read',
  handle: async ({ ctx, operator, params }) => {
    const { _id, tenant } = await findAnyCascade(ctx, params['id']!);
    const report = await readKillReport(ctx, tenant, _id);
    const [named] = await withNames(ctx, [{ ...report, partnerId: partnerOf(tenant), env: envOf(tenant) }]);
    return {
      headers: report.status === 'CLOSED' ? {} : { Refresh: String(RELOAD_SECONDS) },
      html: <Report operator={operator} named={named!} />,
    };
  },
});
