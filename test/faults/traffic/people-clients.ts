import type { IdentityId } from '../../../shared/domain/ids';
import type { ApiContext } from '../../../api/context';
import type { ApiClient } from '../../support/client';
import { invite, linkUser, newPerson, unlinkUser } from '../../support/link';
import { newUser } from '../oracle/expected';
import type { ExpectedPartner } from '../oracle/oracle';
import { type ClientDeps, submit, untilReplied } from './submit';

const ERASED_USERS = 12;
const MAX_EVENTS_BEFORE_ERASURE = 20;
const LINKED_USERS = 6;

const eventsOf = (name: string, prefix: string, count: number) =>
  Array.from({ length: count }, (_, n) => ({
    userExternalId: name,
    eventType: 'mir.content.posted',
    idempotencyKey: `${prefix}-${n}`,
  }));

/**
 * Returns a function that submits events of one user and sometimes erases the user. Only this client touches these
 * users, so it knows which events were received before each erasure.
 */
export function erasureClient(deps: ClientDeps, partner: ExpectedPartner): () => Promise<void> {
  const { oracle, transport, random, report } = deps;
  const key = partner.partner.liveKey;
  const names = Array.from({ length: ERASED_USERS }, (_, n) => `erased-${n}`);
  let sequence = 0;
  return async () => {
    sequence += 1;
    const slot = random.int(0, ERASED_USERS - 1);
    const name = names[slot]!;
    const events = eventsOf(name, `erasure-${sequence}`, random.int(1, MAX_EVENTS_BEFORE_ERASURE));
    // The receipt may report PERSISTED or ERASED.
    await submit(deps, { kind: 'erased', partner, key, events, fresh: true, outcomes: {} });
    if (random.chance(0.5)) return;
    const { submitted } = oracle.userOf(partner, name);
    partner.users.set(name, { ...newUser(), submitted });
    const replied = await untilReplied(deps, () =>
      transport.post(transport.anyApi(random), '/v1/users/erase', key, { userExternalId: name }),
    );
    if (replied === null) return;
    const { reply, attempts } = replied;
    if (reply.status !== 202)
      return report(`an erasure was rejected with ${reply.status} ${JSON.stringify(reply.body)}`);
    oracle.erasures.push({ key, receiptId: reply.body.receiptId });
    oracle.noteAudited(partner, 'user.erased');
    // A request without a response may still be processed later, and would then erase later events, too.
    if (attempts > 1) names[slot] = `erased-${slot}-after-${sequence}`;
  };
}

/**
 * Returns a function that links or unlinks one user of each of two partners, or submits events of these users. The links
 * are made in this process, because people make them on pages. Ignores failures: the links that exist are read from the
 * database at the next checkpoint.
 */
export function linkClient(
  deps: ClientDeps,
  mir: { ctx: ApiContext; client: () => ApiClient },
  partners: readonly [ExpectedPartner, ExpectedPartner],
): () => Promise<void> {
  const { random } = deps;
  const people: IdentityId[] = [];
  let sequence = 0;
  const change = async (slot: number): Promise<void> => {
    const { ctx } = mir;
    const linked = { ctx, client: mir.client() };
    people[slot] ??= await newPerson(linked);
    const { partner } = random.pick(partners);
    const name = `linked-${slot}`;
    if (random.chance(0.6)) await linkUser(linked, partner, name, people[slot]);
    else await unlinkUser(linked, people[slot], (await invite(linked, partner, name)).userRef);
  };
  return async () => {
    sequence += 1;
    const slot = random.int(0, LINKED_USERS - 1);
    if (random.chance(0.3)) return change(slot).catch(() => undefined);
    const partner = random.pick(partners);
    const events = eventsOf(`linked-${slot}`, `link-${sequence}`, random.int(1, 5));
    await submit(deps, { kind: 'linked', partner, key: partner.partner.liveKey, events, fresh: true });
  };
}
