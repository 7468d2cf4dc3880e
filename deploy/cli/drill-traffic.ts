import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { messageOf } from '../../shared/errors';

const REQUEST_TIMEOUT_MS = 5_000;
/** Pause of a client after a request that failed, so that a system in trouble is not flooded. */
const PAUSE_AFTER_FAILURE_MS = 100;
/** The user that requests ask about. It does not exist, and asking does not create it. */
const USER = 'kill-drill';

/** When a request was sent: before the kill was sent, before its 202 arrived, or after that. */
type Phase = 'before' | 'during' | 'after';
type Outcome = 'accepted' | 'rejected' | 'failed';

/** Number of requests by outcome. `failed`: MIR did not decide, because of a limit, an outage or the network. */
export type Tally = Record<Outcome, number>;

export interface DrillTraffic {
  /** The phase of requests that are sent from now on. */
  phase: Phase;
  readonly tallies: Readonly<Record<Phase, Tally>>;
  /** When the last accepted request was sent, by the clock of `performance.now()`. */
  readonly lastAcceptedSentMs: number | null;
  /** Status or error of the last failed request. */
  readonly lastFailure: string | null;
  /** Stops all clients and waits for their requests. */
  stop(): Promise<void>;
}

interface TrafficOptions {
  url: string;
  /** Keys of agents, used in turn. */
  agentKeys: readonly string[];
  /** Key that may introspect them. */
  partnerKey: string;
  clients: number;
}

/** The fields of problems, introspections and kills that a drill reads. */
const responseBody = z.looseObject({
  code: z.string().default(''),
  detail: z.string().default(''),
  active: z.boolean().optional(),
  cascadeId: z.string().default(''),
  effectiveAt: z.string().default(''),
});

interface JsonResponse {
  status: number;
  body: z.output<typeof responseBody>;
}

/** Sends a request as JSON. Throws if there is no response in time. Calls `onStatus` as soon as the status is known. */
export async function postJson(
  url: string,
  apiKey: string,
  body: object,
  onStatus: () => void = () => undefined,
): Promise<JsonResponse> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'x-api-key': apiKey, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  onStatus();
  const parsed: unknown = await response.json().catch(() => null);
  return { status: response.status, body: responseBody.catch(() => responseBody.parse({})).parse(parsed) };
}

const isOk = (status: number): boolean => status >= 200 && status < 300;
const isActive = ({ status, body }: JsonResponse, wanted: boolean): boolean => isOk(status) && body.active === wanted;

/**
 * Starts clients that send one request after another: with an agent's key, and then an introspection of the same key.
 * Counts how MIR decides.
 */
export function startTraffic({ url, agentKeys, partnerKey, clients }: TrafficOptions): DrillTraffic {
  const none = (): Tally => ({ accepted: 0, rejected: 0, failed: 0 });
  const stopped = new AbortController();
  let turn = 0;
  const traffic = {
    phase: 'before' as Phase,
    tallies: { before: none(), during: none(), after: none() },
    lastAcceptedSentMs: null as number | null,
    lastFailure: null as string | null,
    stop: async () => {
      stopped.abort();
      await Promise.all(running);
    },
  };

  const count = async (request: () => Promise<Outcome>): Promise<void> => {
    const { phase } = traffic;
    const sentAtMs = performance.now();
    const outcome = await request().catch((error: unknown): Outcome => {
      traffic.lastFailure = messageOf(error);
      return 'failed';
    });
    traffic.tallies[phase][outcome] += 1;
    if (outcome === 'accepted') traffic.lastAcceptedSentMs = Math.max(traffic.lastAcceptedSentMs ?? 0, sentAtMs);
    if (outcome === 'failed') await delay(PAUSE_AFTER_FAILURE_MS);
  };
  const decisionOf = ({ status, body }: JsonResponse, isAccepted: boolean, isRejected: boolean) => {
    if (isAccepted) return 'accepted';
    if (isRejected) return 'rejected';
    traffic.lastFailure = `status ${status} ${body.code}`.trim();
    return 'failed';
  };
  const useKey = async (key: string): Promise<Outcome> => {
    const response = await postJson(`${url}/v1/resolve`, key, { userExternalId: USER });
    return decisionOf(response, isOk(response.status), response.status === 401);
  };
  const introspect = async (token: string): Promise<Outcome> => {
    const response = await postJson(`${url}/v1/introspect`, partnerKey, { token });
    return decisionOf(response, isActive(response, true), isActive(response, false));
  };

  const client = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      const key = agentKeys[turn++ % agentKeys.length]!;
      await count(() => useKey(key));
      await count(() => introspect(key));
    }
  };
  const running = Array.from({ length: clients }, client);
  return traffic;
}
