import type { ComponentChildren, VNode } from 'preact';
import type { PresentedCascade } from '../../agents/present-cascade';
import { countOf, countText } from '../design/count-text';
import { DataTable, Panel, State } from '../design/app-parts';
import { Facts } from '../design/text';
import { actorText } from '../audit/audit-words';

const exactTime = (at: string | null): string => (at === null ? 'Not yet' : `${at.replace('T', ' ').slice(0, 23)} UTC`);

/** Returns whether nothing about a kill will change any more. */
export function isFinal({ status, containedAt, auditTo }: PresentedCascade): boolean {
  return status === 'CLOSED' && containedAt !== null && auditTo !== null;
}

/** The state of a kill. */
export function KillState({ status, effectiveAt }: Pick<PresentedCascade, 'status' | 'effectiveAt'>): VNode {
  if (status === 'CLOSED') return <State kind="ended">All keys deleted</State>;
  if (effectiveAt === null) return <State kind="pending">Ordered, not yet in force</State>;
  return <State kind="pending">Keys rejected, being deleted</State>;
}

/** Returns how many agents a kill has revoked so far. */
export function revokedText({ affected, revoked }: Pick<PresentedCascade, 'affected' | 'revoked'>): string {
  return affected === null ? countText(revoked) : `${countText(revoked)} of ${countText(affected)}`;
}

/** What a kill has done so far, and which receivers have acknowledged it. `about` are facts about the agent. */
export function KillProgress({
  kill,
  about = [],
}: {
  kill: PresentedCascade;
  about?: readonly (readonly [string, ComponentChildren])[];
}): VNode {
  const { parked, receivers } = kill;
  return (
    <>
      <Panel title="What happened">
        <Facts
          facts={[
            ...about,
            ['State', <KillState {...kill} />],
            ['In force since', exactTime(kill.effectiveAt)],
            ['Agents revoked', revokedText(kill)],
            parked > 0 ? ['Not deleted yet', `${countOf(parked, 'agent')}. Their keys are already rejected.`] : null,
            ['Reason', kill.reason ?? 'None'],
            ['Ordered by', actorText(kill.actor)],
            ['Ordered', exactTime(kill.createdAt)],
            ['Completed', exactTime(kill.closedAt)],
            ['Receivers', receivers.length === 0 ? 'None' : exactTime(kill.containedAt)],
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
