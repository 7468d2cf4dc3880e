import type { ComponentChildren, InputHTMLAttributes, VNode } from 'preact';
import type { FormError } from './form';

interface LabeledProps {
  name: string;
  label: ComponentChildren;
  hint?: string | undefined;
  errors?: readonly FormError[] | undefined;
}

/** The error of a field, to which `aria-describedby` refers. */
function Problem({ name, errors = [] }: Pick<LabeledProps, 'name' | 'errors'>): VNode | null {
  const error = errors.find(({ field }) => field === name);
  if (!error) return null;
  return (
    <p class="error" id={`${name}-error`}>
      {error.message}
    </p>
  );
}

/** The attributes that connect a control with its label, hint and error. */
function attributesOf({ name, hint, errors = [] }: Omit<LabeledProps, 'label'>) {
  const hasError = errors.some(({ field }) => field === name);
  const describedBy = [hint && `${name}-hint`, hasError && `${name}-error`].filter(Boolean).join(' ');
  return {
    id: name,
    name,
    ...(describedBy && { 'aria-describedby': describedBy }),
    ...(hasError && { 'aria-invalid': true }),
  };
}

/** A control below its label, hint and error. */
function Labeled({ name, label, hint, errors, children }: LabeledProps & { children: ComponentChildren }): VNode {
  return (
    <div class="field">
      <label for={name}>{label}</label>
      {hint && (
        <p class="hint" id={`${name}-hint`}>
          {hint}
        </p>
      )}
      <Problem name={name} errors={errors} />
      {children}
    </div>
  );
}

interface FieldProps extends LabeledProps {
  type?: 'text' | 'email' | 'password' | 'url' | 'date';
  value?: string;
  autocomplete?: string;
  maxLength?: number;
  inputMode?: 'text' | 'numeric' | 'email';
  class?: string;
  optional?: boolean;
}

/** A field for one line of text. */
export function Field({
  name,
  label,
  hint,
  errors,
  type = 'text',
  class: kind,
  optional = false,
  ...input
}: FieldProps): VNode {
  const attributes: InputHTMLAttributes = { type, required: !optional, ...(kind && { class: kind }), ...input };
  return (
    <Labeled {...{ name, label, hint, errors }}>
      <input {...attributesOf({ name, hint, errors })} {...attributes} />
    </Labeled>
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

interface CheckboxProps {
  name: string;
  label: ComponentChildren;
  /** Sent if it is checked. */
  value?: string;
  checked: boolean;
  hint?: string | undefined;
}

/** A box to check. */
export function Checkbox({ name, label, hint, ...input }: CheckboxProps): VNode {
  return (
    <div class="check">
      <input type="checkbox" id={name} name={name} {...input} />
      <label for={name}>
        {label}
        {hint && <span class="sub block">{hint}</span>}
      </label>
    </div>
  );
}

/** Boxes or choices that belong together, with one error for all of them. */
export function CheckGroup({
  name,
  label,
  hint,
  errors,
  children,
}: LabeledProps & { children: ComponentChildren }): VNode {
  const { 'aria-describedby': describedBy } = attributesOf({ name, hint, errors });
  return (
    <fieldset class="checks" id={name} {...(describedBy && { 'aria-describedby': describedBy })}>
      <legend>{label}</legend>
      {hint && (
        <p class="sub" id={`${name}-hint`}>
          {hint}
        </p>
      )}
      <Problem name={name} errors={errors} />
      {children}
    </fieldset>
  );
}

/** Values of which one is chosen, each with what it means. */
export function Choices({
  value,
  options,
  ...group
}: LabeledProps & {
  value: string | undefined;
  options: readonly { value: string; text: ComponentChildren }[];
}): VNode {
  const { name } = group;
  return (
    <CheckGroup {...group}>
      {options.map((option) => {
        const id = `${name}.${option.value}`;
        return (
          <div key={id} class="check">
            <input type="radio" id={id} name={name} value={option.value} checked={option.value === value} />
            <label for={id}>{option.text}</label>
          </div>
        );
      })}
    </CheckGroup>
  );
}
