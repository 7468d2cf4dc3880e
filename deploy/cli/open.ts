import { randomUUID } from 'node:crypto';
import { createAuthorizer } from '../../shared/authz/authorizer';
import { openRuntime } from '../../shared/runtime';
import type { Config } from '../../shared/config/config';
import { createEventQueue } from '../../shared/queue/event-queue';
import { createCascadeQueue } from '../../shared/queue/cascade-queue';
import { mailsQueue } from '../../shared/queue/mail-queue';
import { createWakeUpQueue, erasuresQueue, webhooksQueue } from '../../shared/queue/wake-up-queue';
import { createIdentityCache, createSignalsCache } from '../../shared/cache/signals-cache';
import { signalsPresenter } from '../../shared/domain/signals';
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
  | 'signer'
  | 'keys'
  | 'queueLink'
  | 'authorizer'
  | 'eventQueue'
  | 'queues'
  | 'cascadeQueue'
  | 'webhookQueue'
  | 'erasureQueue'
  | 'mailQueue'
  | 'signalsCache'
  | 'identityCache'
  | 'presentSignals'
> {
  close(): Promise<void>;
}

/** Connects to a deployment's stores. */
export async function openCliContext(config: Config): Promise<CliContext> {
  const runtime = await openRuntime(config, 'api');
  const { keys, log, queueLink, secrets, store } = runtime;
  const cacheOptions = { link: runtime.cacheLink, keys, ttlSeconds: config.signalsTtlSeconds };
  const eventQueue = createEventQueue({ link: queueLink, keys, log });
  const cascadeQueue = createCascadeQueue({ link: queueLink, keys, log });
  const webhookQueue = createWakeUpQueue(webhooksQueue, { link: queueLink, keys, log });
  const erasureQueue = createWakeUpQueue(erasuresQueue, { link: queueLink, keys, log });
  const mailQueue = createWakeUpQueue(mailsQueue, { link: queueLink, keys, log });
  const queues = inspectQueues({ link: queueLink, keys, log });
  return {
    ...runtime,
    eventQueue,
    queues,
    cascadeQueue,
    webhookQueue,
    erasureQueue,
    mailQueue,
    signalsCache: createSignalsCache(cacheOptions),
    identityCache: createIdentityCache(cacheOptions),
    presentSignals: signalsPresenter(config.tierRules),
    authorizer: createAuthorizer({ link: queueLink, keys, store: authorityStore(store, secrets) }),
    close: async () => {
      await eventQueue.close();
      await Promise.all([cascadeQueue.close(), webhookQueue.close(), erasureQueue.close(), mailQueue.close()]);
      await queues.close();
      await runtime.close();
    },
  };
}

/** Creates the audit context for an action that this operator takes through the CLI. */
export function auditContextForCli(name: string): AuditContext {
  return { actor: { kind: 'OPERATOR', via: 'CLI', name }, requestId: `cli-${randomUUID()}`, at: new Date() };
}
