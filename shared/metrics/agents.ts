import { Counter, Histogram } from 'prom-client';
import type { In } from './values';

const CASCADE_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 30, 60, 300, 1_800];

/** Creates the series for kills and the audit log. */
export function agentSeries({ registers }: In) {
  return {
    agentsRevoked: new Counter({ name: 'mir_agents_revoked_total', help: 'Agents revoked by cascades.', registers }),
    cascadeSeconds: new Histogram({
      name: 'mir_cascade_duration_seconds',
      help: 'Time from a kill until its cascade closes, with every key hash deleted and every audit entry written.',
      buckets: CASCADE_SECONDS,
      registers,
    }),
    auditSealed: new Counter({
      name: 'mir_audit_sealed_total',
      help: 'Audit entries sealed into their chains.',
      registers,
    }),
  };
}
