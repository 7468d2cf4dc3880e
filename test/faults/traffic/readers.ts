import type { ClientDeps } from './submit';

const MAX_USERS_PER_READ = 25;

interface Result {
  userExternalId: string;
  linked: boolean;
  eventCount: number;
  includesEventsThrough: string | null;
}

/** Returns a function that resolves some users of a partner and checks the response against its watermark. */
export function reader({ oracle, transport, random, report }: ClientDeps): () => Promise<void> {
  return async () => {
    const partner = random.pick(oracle.partners);
    const names = [...partner.users.keys()];
    if (names.length === 0) return;
    const userExternalIds = Array.from({ length: random.int(1, MAX_USERS_PER_READ) }, () => random.pick(names));
    const api = transport.anyApi(random);
    const asked = [...new Set(userExternalIds)];
    const reply = await transport.post(api, '/v1/resolve', partner.partner.liveKey, { userExternalIds: asked });
    if (reply === null || reply.status === 503) return;
    if (reply.status !== 200) return report(`/resolve returned ${reply.status} ${JSON.stringify(reply.body)}`);
    for (const { userExternalId, linked, eventCount, includesEventsThrough } of reply.body.results as Result[]) {
      // A linked user's count includes another partner's events, and a checkpoint compares it.
      if (linked || userExternalId.startsWith('linked-')) continue;
      const user = oracle.userOf(partner, userExternalId);
      const throughMs = includesEventsThrough === null ? null : Date.parse(includesEventsThrough);
      const observation = { eventCount, throughMs, submitted: user.submitted };
      const problem = oracle.observe(`${api.name}, ${partner.name}, ${userExternalId}`, user, observation);
      if (problem) report(problem);
    }
  };
}
