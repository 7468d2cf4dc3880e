import type { ComponentChildren, VNode } from 'preact';
import type { FormError } from './form';

interface LabeledProps {
  name: string;
  label: string;
  hint?: string | undefined;
  errors?: readonly FormError[] | undefined;
}

/** The attributes that connect a control with its label, hint and error. */
function attributesOf({ name, hint, errors = [] }: LabeledProps) {
  const hasError = errors.some(({ field }) => field === name);
  const describedBy = [hint && `${name}-hint`, hasError && `${name}-error`].filter(Boolean).join(' ');
  return {
    id: name,
    name,
    ...(describedBy && { 'aria-describedby': describedBy }),
    ...(hasError && { 'aria-invalid': true }),
  };
}

/** A control between its label, hint and error. */
function Labeled({ name, label, hint, errors = [], children }: LabeledProps & { children: ComponentChildren }): VNode {
  const error = errors.find(({ field }) => field === name)?.message;
  return (
    <div class="field">
      <label for={name}>{label}</label>
      {hint && (
        <p class="hint" id={`${name}-hint`}>
          {hint}
        </p>
      )}
      {error && (
        <p class="error" id={`${name}-error`}>
          {error}
        </p>
      )}
      {children}
    </div>
  );
}

/** A field for several lines of text. */
export function TextArea({
  value = '',
  rows,
  optional = false,
  ...labeled
}: LabeledProps & { value?: string | undefined; rows: number; optional?: boolean }): VNode {
  return (
    <Labeled {...labeled}>
      <textarea {...attributesOf(labeled)} rows={rows} required={!optional}>
        {value}
      </textarea>
    </Labeled>
  );
}

/** A field with a few values to choose from. */
export function Select({
  value,
  options,
  ...labeled
}: LabeledProps & { value?: string | undefined; options: readonly { value: string; text: string }[] }): VNode {
  return (
    <Labeled {...labeled}>
      <select {...attributesOf(labeled)}>
        {options.map((option) => (
          <option key={option.value} value={option.value} selected={option.value === value}>
            {option.text}
          </option>
        ))}
      </select>
    </Labeled>
  );
}
