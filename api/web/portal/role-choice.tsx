import type { VNode } from 'preact';
import { MEMBER_ROLE_MEANINGS, MEMBER_ROLE_NAMES, MEMBER_ROLES } from '../../../shared/domain/roles';
import { Choices } from '../design/controls';
import type { FormError } from '../design/form';

/** A choice between the roles of members, with what each may do. */
export function RoleChoice({ current, errors }: { current: string; errors: readonly FormError[] }): VNode {
  const options = MEMBER_ROLES.map((value) => ({
    value,
    text: (
      <>
        <strong>{MEMBER_ROLE_NAMES[value]}</strong>: {MEMBER_ROLE_MEANINGS[value]}
      </>
    ),
  }));
  return <Choices name="role" label="Role" value={current} options={options} errors={errors} />;
}
