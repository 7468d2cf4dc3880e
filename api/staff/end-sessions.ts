import type { AuthorityDeps } from '../db/change-authority';
import { transaction } from '../db/transaction';
import { endAccessTokens } from '../members/change-members';

/**
 * Ends a session and its access tokens, in every process. Returns false if the account has no such session. The tokens
 * are removed before the session, so that a failed attempt can be repeated, and once more after it, in case one was
 * created in between.
 */
export async function endSession(deps: AuthorityDeps, staffId: string, sessionId: string): Promise<boolean> {
  const { store } = deps;
  if (!(await store.staffSessions.ofStaff(staffId)).some(({ _id }) => _id === sessionId)) return false;
  await endAccessTokens(deps, { sessionId });
  const ended = await transaction(deps, (session) => store.staffSessions.end(staffId, sessionId, session));
  await endAccessTokens(deps, { sessionId });
  return ended;
}

/** Ends all sessions of an account, except one. */
export async function endSessions(deps: AuthorityDeps, staffId: string, except: string | null): Promise<number> {
  const others = (await deps.store.staffSessions.ofStaff(staffId)).filter(({ _id }) => _id !== except);
  for (const { _id } of others) await endSession(deps, staffId, _id);
  return others.length;
}

/** Maximum number of sessions of an account. */
const MAX_SESSIONS = 50;

/** Ends the oldest sessions of an account that has too many, after it has logged in. */
export async function endOldestSessions(deps: AuthorityDeps, staffId: string): Promise<void> {
  const oldest = (await deps.store.staffSessions.ofStaff(staffId)).slice(MAX_SESSIONS);
  for (const { _id } of oldest) await endSession(deps, staffId, _id);
}
