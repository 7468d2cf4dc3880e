import { OPERATORS } from '../../shared/store/members';
import type { ApiContext } from '../context';

type Deps = Pick<ApiContext, 'store' | 'metrics' | 'log'>;

async function countIfOperator({ store, metrics, log }: Deps, staffId: string | undefined): Promise<void> {
  if (staffId === undefined || (await store.members.of(OPERATORS, staffId)) === null) return;
  metrics.operatorLogInsRejected.inc();
  log.warn({ staffId }, "an operator's log-in was rejected");
}

/**
 * Counts a wrong password or code for an account, given by ID or by email address, if it is an operator's. Does not make
 * the response wait, because its duration would reveal which addresses have an account.
 */
export function noteRejectedLogIn(deps: Deps, account: { staffId: string } | { email: string }): void {
  const staffId = async () =>
    'staffId' in account ? account.staffId : (await deps.store.staff.byEmail(account.email))?._id;
  void staffId()
    .then((id) => countIfOperator(deps, id))
    .catch((error: unknown) => deps.log.warn({ err: error }, 'a rejected log-in could not be counted'));
}
