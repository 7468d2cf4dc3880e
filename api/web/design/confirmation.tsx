import type { VNode } from 'preact';
import { MAX_REASON_LENGTH } from '../../http/lengths';
import { Field } from './controls';
import type { FormError } from './form';

const HINT = 'For the audit log.';

interface ConfirmationProps {
  /** What has to be typed: the name of what the action affects. */
  expected: string;
  /** Says what the action means, below the label of the typed name. */
  hint: string;
  /** What the fields contain. */
  form: Readonly<Record<string, string | undefined>>;
  /** Says who reads the reason. */
  reasonHint: string;
  errors: readonly FormError[];
}

interface ReasonProps {
  form: ConfirmationProps['form'];
  /** Says who reads the reason. */
  hint?: string;
  optional?: boolean;
  errors: readonly FormError[];
}

/** The field for the reason of an action. */
export function ReasonField({
  form,
  errors,
  optional = false,
  hint = optional ? `Optional. ${HINT}` : HINT,
}: ReasonProps): VNode {
  return (
    <Field
      name="reason"
      label="Reason"
      hint={hint}
      maxLength={MAX_REASON_LENGTH}
      autocomplete="off"
      value={form['reason'] ?? ''}
      optional={optional}
      errors={errors}
    />
  );
}

/** The fields with which a destructive action asks for a reason and a typed name. */
export function ConfirmationFields({ expected, hint, reasonHint, form, errors }: ConfirmationProps): VNode {
  return (
    <>
      <ReasonField form={form} hint={reasonHint} errors={errors} />
      <Field
        name="name"
        label={`Type ${expected} to confirm`}
        hint={hint}
        autocomplete="off"
        value={form['name'] ?? ''}
        errors={errors}
      />
    </>
  );
}

/** Returns what is missing in a reason, or nothing. */
export function reasonErrors(form: ConfirmationProps['form']): FormError[] {
  return (form['reason'] ?? '').trim() === '' ? [{ field: 'reason', message: 'Enter a reason.' }] : [];
}

/** Returns what is missing or wrong in the fields of a confirmation. */
export function confirmationErrors(form: ConfirmationProps['form'], expected: string): FormError[] {
  const isTyped = (form['name'] ?? '').trim() === expected.trim();
  return [
    ...reasonErrors(form),
    ...(isTyped ? [] : [{ field: 'name', message: `Type the name exactly: ${expected}` }]),
  ];
}
