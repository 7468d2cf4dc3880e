import type { VNode } from 'preact';
import {
  MEMBER_ROLE_MEANINGS,
  MEMBER_ROLES,
  type MemberRole,
  OPERATOR_ROLE_NAMES,
  type OperatorRole,
} from '../../../shared/domain/roles';

/** The names of roles on pages. */
export const ROLE_NAMES: Record<MemberRole | OperatorRole, string> = {
  ...OPERATOR_ROLE_NAMES,
  DEVELOPER: 'Developer',
  AGENT_MANAGER: 'Agent manager',
  ADMINISTRATOR: 'Administrator',
};

/** A choice between the roles of members, with what each may do. */
export function RoleChoice({ current }: { current: string }): VNode {
  return (
    <fieldset class="checks" id="role">
      <legend>Role</legend>
      {MEMBER_ROLES.map((role) => (
        <div key={role} class="check">
          <input type="radio" id={`role-${role}`} name="role" value={role} checked={role === current} />
          <label for={`role-${role}`}>
            <strong>{ROLE_NAMES[role]}</strong>: {MEMBER_ROLE_MEANINGS[role]}
          </label>
        </div>
      ))}
    </fieldset>
  );
}
