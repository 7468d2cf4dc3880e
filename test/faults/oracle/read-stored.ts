import type { Tenant, UserRef } from '../../../shared/domain/ids';
import type { Store } from '../../../shared/store/store';
import { addId, type StoredUser } from './expected';

/** What the database contains about one tenant's users. `resolved` is set by the caller. */
export async function readStored(
  { events, users }: Pick<Store, 'events' | 'users'>,
  tenant: Tenant,
): Promise<Map<UserRef, Omit<StoredUser, 'resolved'>>> {
  const stored = new Map<UserRef, Omit<StoredUser, 'resolved'>>();
  const of = (ref: UserRef): Omit<StoredUser, 'resolved'> => {
    const known = stored.get(ref);
    if (known) return known;
    const user = { events: 0, idSum: 0, row: 0 };
    stored.set(ref, user);
    return user;
  };
  const found = events.model.collection.find({ tenant }, { projection: { userRef: 1 }, batchSize: 10_000 });
  for await (const { _id, userRef } of found) {
    const user = of(userRef as UserRef);
    user.events += 1;
    user.idSum = addId(user.idSum, String(_id));
  }
  for await (const { _id, eventCount } of users.model.collection.find({ tenant }, { projection: { eventCount: 1 } })) {
    of(_id as unknown as UserRef).row = eventCount as number;
  }
  return stored;
}

/** Returns each linked user's other users: those of all partners that are linked to the same MIR account. */
export async function readLinks({ memberships }: Pick<Store, 'memberships'>): Promise<Map<UserRef, UserRef[]>> {
  const links = new Map<UserRef, UserRef[]>();
  for (const { members } of await memberships.model.find().lean()) {
    const refs = members.map(({ userRef }) => userRef);
    for (const ref of refs) links.set(ref, refs);
  }
  return links;
}
