import type { AgentStatus } from '../../shared/domain/agent';
import { type Env, tenantOf } from '../../shared/domain/ids';
import { countQueuedEvents } from '../../shared/queue/count-queued-events';
import type { PartnerDoc } from '../../shared/store/partners';
import type { ApiContext } from '../context';
import { PublicError } from '../http/public-error';

/** Statuses of agents that have a key. A suspension of their partner rejects it. */
const STATUSES_WITH_KEY: readonly AgentStatus[] = ['ACTIVE', 'SUSPENDED'];
const ENVIRONMENTS: readonly Env[] = ['live', 'test'];

type Deps = Pick<ApiContext, 'store' | 'queueLink' | 'keys' | 'queues'>;

/** What a suspension of the partner affects in one environment. */
interface AffectedEnvironment {
  env: Env;
  /** The partner's own keys and those of its agents. */
  keys: number;
  agents: number;
  /** Accepted events that are not stored yet. The suspension does not affect them. */
  queuedEvents: number;
  /** True if there may be more agents or queued events than were counted. */
  isLowerBound: boolean;
}

/** What suspending a partner would affect. */
export interface SuspensionPreview {
  partnerId: string;
  name: string;
  suspended: boolean;
  environments: AffectedEnvironment[];
}

const RETRY_AFTER_SECONDS = 2;

function queueSilent(cause: unknown): PublicError {
  const detail = 'Redis did not respond, so the queued events could not be counted. Nothing was changed. Try again.';
  return new PublicError('OVERLOADED', detail, { retryAfterSeconds: RETRY_AFTER_SECONDS, cause });
}

/** Counts what suspending a partner would affect, without changing anything. Throws 503 while Redis does not respond. */
export async function previewSuspension(deps: Deps, partner: PartnerDoc): Promise<SuspensionPreview> {
  const { _id: partnerId, name, suspended, keys } = partner;
  const environments = await Promise.all(
    ENVIRONMENTS.map(async (env) => {
      const tenant = tenantOf(partnerId, env);
      const [agents, queued] = await Promise.all([
        deps.store.agents.countOf(tenant, STATUSES_WITH_KEY),
        countQueuedEvents(deps, tenant).catch((cause: unknown) => {
          throw queueSilent(cause);
        }),
      ]);
      return {
        env,
        keys: keys.filter((key) => key.env === env).length + agents.count,
        agents: agents.count,
        queuedEvents: queued.events,
        isLowerBound: !(agents.isComplete && queued.isComplete),
      };
    }),
  );
  return { partnerId, name, suspended, environments };
}
