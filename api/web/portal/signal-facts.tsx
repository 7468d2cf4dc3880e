import type { VNode } from 'preact';
import type { z } from 'zod';
import type { signalsSchema } from '../../resolve/resolve';
import { RelativeTime } from '../design/app-parts';
import { Strata } from '../design/strata';
import { Facts } from '../design/text';

/** Signals without what only a response of the API adds. */
export type Signals = Omit<z.infer<typeof signalsSchema>, 'userExternalId' | 'includesEventsThrough' | 'asOf'>;

/** The signals of a user, in the words of the API. */
export function SignalFacts({ signals }: { signals: Signals }): VNode {
  const { tier, eventCount, partnerCount, linked, recency, history, basis } = signals;
  return (
    <Facts
      facts={[
        ['Depth', <Strata tier={tier} />],
        ['Events', String(eventCount)],
        ['Partners', String(partnerCount)],
        ['Linked to a MIR account', linked ? 'Yes' : 'No. Only your own events count.'],
        ['Last event', recency.lastEventAt === null ? 'None' : <RelativeTime at={new Date(recency.lastEventAt)} />],
        ['Days of history', String(history.days)],
        ['Rule', basis.tierRule],
      ]}
    />
  );
}
