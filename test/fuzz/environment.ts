import { createApiContext } from '../../api/context';
import { startStores } from '../../deploy/local/stores';
import { openRuntime } from '../../shared/runtime';
import { readConfig } from '../../shared/config/config';
import { startProgram } from '../bench/processes';
import { createClient } from '../support/client';
import { insertPartner } from '../support/harness';
import { newMember } from '../support/staff';

const NO_LIMITS = { eventsPerMinute: 1_000_000_000, requestsPerMinute: 1_000_000_000 };
const ADMIN_TOKEN = 'fuzz-admin-token-0123456789abcdef0123456789';
const ORIGINS = ['https://harbour.example'];

/** Credentials, and the operations to test with them. */
export interface FuzzCaller {
  name: string;
  key: string;
  sessionToken: string;
  adminToken: string;
  /** Schemathesis options that select the operations. */
  operations: string[];
  /** The phases that run with `--short`. If absent, all phases run. */
  shortPhases?: string;
}

/** Starts stores, an API and a worker. Creates the callers: a partner, another partner's agent, and the operator. */
export async function openEnvironment(workDir: string) {
  const stores = await startStores({ dataDir: workDir, onProgress: (line) => console.log(line) });
  const env: Record<string, string> = {
    NODE_ENV: 'test',
    MONGO_URL: stores.mongoUrl,
    REDIS_URL: stores.redisUrl,
    SUBJECT_PEPPER: 'fuzz-pepper-0123456789abcdef0123456789',
    ADMIN_TOKEN,
    LOG_LEVEL: 'error',
    // fuzz_hooks.py sets a random client address in the X-Forwarded-For header of each request.
    TRUST_PROXY_HOPS: '1',
    PORT: '0',
    METRICS_PORT: '0',
    // Without email, members cannot be invited.
    SMTP_URL: 'smtp://127.0.0.1:9',
    MAIL_FROM: 'MIR <mir@mir.example>',
    WORKER_PORT: '0',
  };
  const ctx = await createApiContext(await openRuntime(readConfig(env), 'api'));
  const [api, worker] = await Promise.all([startProgram('api/main.js', env), startProgram('workers/main.js', env)]);
  const url = `http://127.0.0.1:${api.port}`;
  const client = createClient(url);
  const partner = await insertPartner(ctx.store, { limits: NO_LIMITS, allowedReturnOrigins: ORIGINS });
  const other = await insertPartner(ctx.store, { limits: NO_LIMITS, allowedReturnOrigins: ORIGINS });
  await client.request('PUT', '/v1/agents/policy', { key: other.liveKey, body: { spawnEnabled: true } });
  const { body: agent } = await client.post('/v1/agents', other.liveKey, {
    name: 'Fuzz',
    type: 'SERVICE_ACCOUNT',
    preset: 'ADMIN',
    allowedEventTypes: ['*'],
  });
  // The requests of one caller may end the session of the other.
  const { sessionToken } = await newMember({ ctx, client }, partner.partnerId, 'ADMINISTRATOR');
  const { accessToken } = await newMember({ ctx, client }, other.partnerId, 'ADMINISTRATOR');
  const others = { sessionToken, adminToken: ADMIN_TOKEN };
  const asPartner = ['--exclude-tag', 'Operator'];
  const callers: FuzzCaller[] = [
    { name: 'partner key', key: partner.liveKey, ...others, operations: asPartner },
    {
      name: 'member token',
      key: accessToken,
      ...others,
      operations: ['--include-tag', 'Members', '--include-tag', 'Keys'],
      shortPhases: 'fuzzing,stateful',
    },
    {
      name: 'agent key',
      key: agent.apiKey as string,
      ...others,
      operations: asPartner,
      shortPhases: 'fuzzing,stateful',
    },
    // Runs last, because its requests suspend partners and rotate their keys.
    { name: 'admin token', key: partner.liveKey, ...others, operations: ['--include-tag', 'Operator'] },
  ];
  return {
    url,
    callers,
    async close(): Promise<void> {
      await Promise.all([api.stop(), worker.stop()]);
      await ctx.close();
      await stores.stop();
    },
  };
}
