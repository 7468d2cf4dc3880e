import type { VNode } from 'preact';
import { type Env, envOf, type PartnerId } from '../../../../shared/domain/ids';
import { readOpenCascades } from '../../../agents/get-cascade';
import { findAnyCascade, readKillReport } from '../../../agents/kill-report';
import { presentCascade, type PresentedCascade } from '../../../agents/present-cascade';
import type { ApiContext } from '../../../context';
import { isFinal, KillProgress, KillState, revokedText } from '../../agents/kill-progress';
import { DataTable, Empty, ENVIRONMENT_NAMES, Panel, RelativeTime } from '../../design/app-parts';
import { LivePart } from '../../design/live-part';
import { Notice } from '../../design/text';
import { ConsoleLayout } from '../console-layout';
import { consolePage } from '../console-page';
import { KILLS, agentPath, killPath, partnerPath } from '../paths';

/** Maximum number of open kills on the page. */
const MAX_OPEN = 50;
/** Number of the latest kills among which the page shows the completed ones. */
const MAX_LATEST = 20;
/** How often pages reload without scripts, and the list with them, while a kill is being carried out. */
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
          revokedText(kill),
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

interface KillList {
  open: readonly NamedKill[];
  /** Number of open kills, which may be more than those in `open`. */
  openCount: number;
  completed: readonly NamedKill[];
}

async function readKills(ctx: ApiContext): Promise<KillList> {
  const [{ data, open: openCount }, latest] = await Promise.all([
    readOpenCascades(ctx, MAX_OPEN),
    ctx.store.cascades.latest(MAX_LATEST),
  ]);
  const closed = latest.filter(({ closedAt }) => closedAt !== null);
  // Once a kill is completed, its own count is final.
  const presented = closed.map((one) => ({ ...presentCascade(one, one.revoked), env: envOf(one.tenant) }));
  const [open, completed] = await Promise.all([withNames(ctx, data), withNames(ctx, presented)]);
  return { open, openCount, completed };
}

function openTitle({ open, openCount }: KillList): string {
  return openCount > open.length ? `Being carried out: the oldest ${open.length} of ${openCount}` : 'Being carried out';
}

/** The list, which a script loads again from time to time while a kill is being carried out. */
function KillTables(list: KillList): VNode {
  const { open, completed, openCount } = list;
  const polling = {
    'hx-get': `${KILLS}/list`,
    'hx-trigger': `every ${RELOAD_SECONDS}s`,
    'hx-swap': 'outerMorph',
    'aria-live': 'polite' as const,
  };
  return (
    <div {...(openCount > 0 && polling)}>
      <Panel title={openTitle(list)} flush>
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
    </div>
  );
}

/** Kills of all partners: those that are being carried out, and the latest completed ones. */
export const killsPage = consolePage({
  method: 'GET',
  path: '/kills',
  right: 'partners:read',
  handle: async ({ ctx, operator }) => {
    const list = await readKills(ctx);
    return {
      html: (
        <ConsoleLayout
          title="Kills"
          current={KILLS}
          operator={operator}
          lead="Agents that were stopped for good, with everything below them, in all partners and environments."
          {...(list.openCount > 0 && { reloadSeconds: RELOAD_SECONDS })}
        >
          <KillTables {...list} />
        </ConsoleLayout>
      ),
    };
  },
});

/** The list of kills as a part of its page. */
export const killList = consolePage({
  method: 'GET',
  path: '/kills/list',
  right: 'partners:read',
  handle: async ({ ctx }) => ({ fragment: <KillTables {...await readKills(ctx)} /> }),
});

async function readReport(ctx: ApiContext, cascadeId: string): Promise<NamedKill> {
  const { tenant } = await findAnyCascade(ctx, cascadeId);
  const report = await readKillReport(ctx, tenant, cascadeId);
  const [named] = await withNames(ctx, [{ ...report, env: envOf(tenant) }]);
  return named!;
}

function Progress({ kill, env, agentName, partnerName }: NamedKill): VNode {
  const about = [
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
  ] as const;
  return (
    <>
      {kill.parked > 0 && (
        <Notice kind="warn" title="Some agents could not be revoked yet">
          <p>
            MIR rejects their keys and keeps retrying. <code>mir agents cascade {kill.cascadeId}</code> lists them.
          </p>
        </Notice>
      )}
      <KillProgress kill={kill} about={about} />
    </>
  );
}

/** The report of a kill of any partner. */
export const anyKillReportPage = consolePage({
  method: 'GET',
  path: '/kills/:id',
  right: 'partners:read',
  handle: async ({ ctx, operator, params }) => {
    const named = await readReport(ctx, params['id']!);
    const { kill, agentName } = named;
    return {
      html: (
        <ConsoleLayout
          title={kill.effectiveAt === null ? `Stopping ${agentName}` : `${agentName} is stopped`}
          current={KILLS}
          operator={operator}
          lead="This page has a permanent address and prints well."
          {...(kill.status !== 'CLOSED' && { reloadSeconds: RELOAD_SECONDS })}
        >
          <LivePart path={isFinal(kill) ? null : `${killPath(kill.cascadeId)}/live`}>
            <Progress {...named} />
          </LivePart>
        </ConsoleLayout>
      ),
    };
  },
});

/** The progress of a kill as server-sent events. */
export const liveKillReport = consolePage({
  method: 'GET',
  path: '/kills/:id/live',
  right: 'partners:read',
  handle: ({ ctx, params }) => ({
    live: {
      read: async () => {
        const named = await readReport(ctx, params['id']!);
        return { html: <Progress {...named} />, isLast: isFinal(named.kill) };
      },
    },
  }),
});
