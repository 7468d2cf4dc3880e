import type { VNode } from 'preact';
import type { KillPreview } from '../../agents/preview-kill';
import { countOf, countText } from '../design/count-text';
import { Panel } from '../design/app-parts';
import { Facts } from '../design/text';

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
          ['Agents', `${countOf(affected, 'agent')}, of which ${countText(byStatus.ACTIVE ?? 0)} active`],
          ['Active in the last hour', countText(activeLastHour)],
          deepest !== null && deepest > depth ? ['Levels below', String(deepest - depth)] : null,
          ['Not affected', unaffected],
        ]}
      />
    </Panel>
  );
}
