import { randomUUID } from 'node:crypto';
import { createAuthorizer } from '../../shared/authz/authorizer';
import { openRuntime } from '../../shared/runtime';
import type { Config } from '../../shared/config/config';
import { createEventQueue } from '../../shared/queue/event-queue';
import { createCascadeQueue } from '../../shared/queue/cascade-queue';
import { inspectQueues } from '../../shared/queue/queues';
import { authorityStore } from '../../shared/authz/authority-store';
import type { ApiContext } from '../../api/context';
import type { AuditContext } from '../../api/db/audit-context';

/** The parts of the API's context that operator commands use. */
export interface CliContext extends Pick<
  ApiContext,
  | 'config'
  | 'log'
  | 'store'
  | 'secrets'
  | 'keys'
  | 'queueLink'
  | 'authorizer'
  | 'eventQueue'
  | 'queues'
  | 'cascadeQueue'
> {
  close(): Promise<void>;
}

/** Connects to a deployment's stores. */
export async function openCliContext(config: Config): Promise<CliContext> {
  const runtime = await openRuntime(config, 'api');
  const { keys, log, queueLink, secrets, store } = runtime;
  const eventQueue = createEventQueue({ link: queueLink, keys, log });
  const cascadeQueue = createCascadeQueue({ link: queueLink, keys, log });
  const queues = inspectQueues({ link: queueLink, keys, log });
  return {
    ...runtime,
    eventQueue,
    queues,
    cascadeQueue,
    authorizer: createAuthorizer({ link: queueLink, keys, store: authorityStore(store, secrets) }),
    close: async () => {
      await eventQueue.close();
      await cascadeQueue.close();
      await queues.close();
      await runtime.close();
    },
  };
}

/** Creates the audit context for an action that an operator takes through the CLI. */
export function auditContextForCli(): AuditContext {
  return { actor: { kind: 'OPERATOR', via: 'CLI' }, requestId: `cli-${randomUUID()}`, at: new Date() };
}
