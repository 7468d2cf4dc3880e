import type { VNode } from 'preact';
import type { PresentedCascade } from '../../agents/present-cascade';
import { DataTable, Panel, State } from '../design/app-parts';
import { Facts } from '../design/text';

export const countText = (count: number): string => count.toLocaleString('en-GB');
export const agentsText = (count: number): string => (count === 1 ? '1 agent' : `${countText(count)} agents`);

const exactTime = (at: string | null): string => (at === null ? 'Not yet' : `${at.replace('T', ' ').slice(0, 23)} UTC`);

/** Returns whether nothing about a kill will change any more. */
export function isFinal({ status, containedAt, auditTo }: PresentedCascade): boolean {
  return status === 'CLOSED' && containedAt !== null && auditTo !== null;
}

/** What a kill has done so far, and which receivers have acknowledged it. */
export function KillProgress({ kill }: { kill: PresentedCascade }): VNode {
  const { status, affected, revoked, parked, receivers } = kill;
  return (
    <>
      <Panel title="What happened">
        <Facts
          facts={[
            [
              'State',
              status === 'CLOSED' ? (
                <State kind="ended">All keys deleted</State>
              ) : (
                <State kind="pending">Keys rejected, being deleted</State>
              ),
            ],
            ['In force since', exactTime(kill.effectiveAt)],
            [
              'Agents revoked',
              affected === null ? countText(revoked) : `${countText(revoked)} of ${countText(affected)}`,
            ],
            parked > 0 ? ['Not deleted yet', `${agentsText(parked)}. Their keys are already rejected.`] : null,
            ['Reason', kill.reason ?? 'None'],
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
