import type { ComponentChildren, VNode } from 'preact';
import type { KillPreview } from '../../agents/preview-kill';
import type { PresentedCascade } from '../../agents/present-cascade';
import { DataTable, Panel, State } from '../design/app-parts';
import { Facts } from '../design/text';
import { actorText } from './actor-text';

export const countText = (count: number): string => count.toLocaleString('en-GB');
export const agentsText = (count: number): string => (count === 1 ? '1 agent' : `${countText(count)} agents`);

const exactTime = (at: string | null): string => (at === null ? 'Not yet' : `${at.replace('T', ' ').slice(0, 23)} UTC`);

/** What stopping an agent affects, and what it does not. `depth` is that of the agent. */
export function AffectedAgents({
  preview: { affected, byStatus, activeLastHour, deepest },
  depth,
  unaffected,
}: {
  preview: KillPreview;
  depth: number;
  unaffected: string;
}): VNode {
  return (
    <Panel title="What is affected">
      <Facts
        facts={[
          ['Agents', `${agentsText(affected)}, of which ${countText(byStatus.ACTIVE ?? 0)} active`],
          ['Active in the last hour', countText(activeLastHour)],
          deepest !== null && deepest > depth ? ['Levels below', String(deepest - depth)] : null,
          ['Not affected', unaffected],
        ]}
      />
    </Panel>
  );
}

/** The state of a kill. */
export function KillState({ status, effectiveAt }: Pick<PresentedCascade, 'status' | 'effectiveAt'>): VNode {
  if (status === 'CLOSED') return <State kind="ended">All keys deleted</State>;
  if (effectiveAt === null) return <State kind="pending">Ordered, not yet in force</State>;
  return <State kind="pending">Keys rejected, being deleted</State>;
}

/**
 * What a kill has done so far, and its receivers. `receiversOf` names whose receivers these are, and `about` are facts
 * about the agent.
 */
export function KillReport({
  kill,
  receiversOf,
  about = [],
}: {
  kill: PresentedCascade;
  receiversOf: string;
  about?: readonly (readonly [string, ComponentChildren])[];
}): VNode {
  const { affected, revoked, parked, receivers } = kill;
  return (
    <>
      <Panel title="What happened">
        <Facts
          facts={[
            ...about,
            ['State', <KillState {...kill} />],
            ['In force since', exactTime(kill.effectiveAt)],
            [
              'Agents revoked',
              affected === null ? countText(revoked) : `${countText(revoked)} of ${countText(affected)}`,
            ],
            parked > 0 ? ['Not deleted yet', `${agentsText(parked)}. Their keys are already rejected.`] : null,
            ['Reason', kill.reason ?? 'None'],
            ['Ordered by', actorText(kill.actor)],
            ['Ordered', exactTime(kill.createdAt)],
            ['Completed', exactTime(kill.closedAt)],
            [receiversOf, receivers.length === 0 ? 'None' : exactTime(kill.containedAt)],
            ['Kill ID', <code>{kill.cascadeId}</code>],
            kill.auditFrom === null ? null : ['Audit entries', `${kill.auditFrom} to ${kill.auditTo}`],
          ]}
        />
      </Panel>
      {receivers.length > 0 && (
        <Panel title="Receivers" flush>
          <DataTable
            caption="Receivers"
            columns={[{ text: 'Receiver' }, { text: 'Acknowledged' }, { text: 'Last error' }]}
            rows={receivers.map(({ receiverId, url, acknowledgedAt, lastError }) => ({
              key: receiverId,
              cells: [new URL(url).host, exactTime(acknowledgedAt), lastError?.code ?? 'None'],
            }))}
          />
        </Panel>
      )}
    </>
  );
}
