import type { VNode } from 'preact';
import { Field, type FormError } from './form';

/** The longest reason that the API accepts. */
const MAX_REASON_LENGTH = 500;

interface ConfirmationProps {
  /** What has to be typed: the name of what the action affects. */
  expected: string;
  /** Says what the action means, below the label of the typed name. */
  hint: string;
  /** What the fields contain. */
  form: Readonly<Record<string, string | undefined>>;
  /** Says who reads the reason. By default, as in the console. */
  reasonHint?: string;
  errors: readonly FormError[];
}

/** The field for the reason of an action. */
export function ReasonField({
  form,
  reasonHint = 'For the audit log, which the partner can read.',
  errors,
}: Pick<ConfirmationProps, 'form' | 'reasonHint' | 'errors'>): VNode {
  return (
    <Field
      name="reason"
      label="Reason"
      hint={reasonHint}
      maxLength={MAX_REASON_LENGTH}
      autocomplete="off"
      value={form['reason'] ?? ''}
      errors={errors}
    />
  );
}

/** The fields with which a destructive action asks for a reason and a typed name. */
export function ConfirmationFields({ expected, hint, ...reason }: ConfirmationProps): VNode {
  const { form, errors } = reason;
  return (
    <>
      <ReasonField {...reason} />
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
