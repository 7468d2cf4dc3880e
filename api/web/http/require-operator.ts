import {
  OPERATOR_RIGHTS,
  OPERATOR_ROLE_NAMES,
  type OperatorRight,
  type OperatorRole,
} from '../../../shared/domain/roles';
import { OPERATORS } from '../../../shared/store/members';
import type { StaffSession } from '../../accounts/staff-auth';
import type { ApiContext } from '../../context';
import { PublicError } from '../../http/public-error';
import type { Operator } from './page';

/** The error for a page that does not exist. */
export const NO_PAGE = new PublicError(
  'NOT_FOUND',
  'Check the address. If you followed a link, the link may be incomplete.',
);

/**
 * Returns the operator with this session. Throws 404 if the account is not an operator, as for a page that does not
 * exist, and 403 if its role lacks the right.
 */
export async function requireOperator(
  { store }: Pick<ApiContext, 'store'>,
  { staffId, name }: StaffSession,
  right: OperatorRight,
): Promise<Operator> {
  const member = await store.members.of(OPERATORS, staffId);
  if (!member) throw NO_PAGE;
  const role = member.role as OperatorRole;
  const rights = OPERATOR_RIGHTS[role];
  if (!rights.includes(right)) {
    throw new PublicError(
      'RIGHT_MISSING',
      `Your role, ${OPERATOR_ROLE_NAMES[role]}, doesn’t have the right ${right}. Nothing was changed. Ask an operator who has it.`,
    );
  }
  return { memberId: member._id, name, role, rights };
}
