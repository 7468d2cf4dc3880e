import type { ComponentChildren, InputHTMLAttributes, VNode } from 'preact';
import { usePageFacts } from './page-facts';

/** Name of the hidden field that binds a form to its visitor. */
export const CSRF_TOKEN_FIELD = 'form_token';

/** What is wrong with a field: its name and what to do. `field` '' concerns the whole form. */
export interface FormError {
  field: string;
  message: string;
}

/** A page's title, which starts with the fact that something is wrong: screen readers read it first. */
export function titleWith(errors: readonly FormError[], title: string): string {
  return errors.length === 0 ? title : `Error: ${title}`;
}

interface FormProps {
  /** Where it is posted to: a path of ours. */
  action: string;
  /** What the form carries unseen. */
  hidden?: Record<string, string | null>;
  class?: string;
  children: ComponentChildren;
}

/** A form that is posted to us, with its token. */
export function Form({ action, hidden = {}, class: name = 'fields', children }: FormProps): VNode {
  const { csrfToken } = usePageFacts();
  return (
    <form method="post" action={action} class={name} noValidate>
      <input type="hidden" name={CSRF_TOKEN_FIELD} value={csrfToken} />
      {Object.entries(hidden).map(([field, value]) =>
        value === null ? null : <input key={field} type="hidden" name={field} value={value} />,
      )}
      {children}
    </form>
  );
}

/** All that is wrong, above the form; takes the focus when the page opens. */
export function ErrorSummary({ errors }: { errors: readonly FormError[] }): VNode | null {
  if (errors.length === 0) return null;
  return (
    <div class="notice warn" role="alert" tabIndex={-1} autofocus aria-labelledby="error-summary">
      <h2 id="error-summary">
        {errors.length === 1 ? 'Please fix 1 problem' : `Please fix ${errors.length} problems`}
      </h2>
      <ul>
        {errors.map(({ field, message }) => (
          <li key={field + message}>{field === '' ? message : <a href={`#${field}`}>{message}</a>}</li>
        ))}
      </ul>
    </div>
  );
}

interface FieldProps {
  name: string;
  label: string;
  type?: 'text' | 'email' | 'password' | 'url';
  hint?: string;
  value?: string;
  autocomplete?: string;
  maxLength?: number;
  inputMode?: 'text' | 'numeric' | 'email';
  class?: string;
  errors?: readonly FormError[];
}

/** A labelled field; what is wrong with it stands beside it. */
export function Field({ name, label, type = 'text', hint, errors = [], class: kind, ...input }: FieldProps): VNode {
  const error = errors.find(({ field }) => field === name)?.message;
  const describedBy = [hint && `${name}-hint`, error && `${name}-error`].filter(Boolean).join(' ');
  const attributes = {
    id: name,
    name,
    type,
    required: true,
    ...(kind && { class: kind }),
    ...(describedBy && { 'aria-describedby': describedBy }),
    ...(error && { 'aria-invalid': true }),
    ...input,
  } as InputHTMLAttributes;
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
      <input {...attributes} />
    </div>
  );
}

interface ButtonProps {
  /** `primary`: the one thing this page is for. `danger`: cannot be undone. */
  kind?: 'primary' | 'plain' | 'danger';
  /** Sent with the form when this button was pressed. */
  name?: string;
  value?: string;
  children: ComponentChildren;
}

export function Button({ kind = 'primary', children, ...sent }: ButtonProps): VNode {
  return (
    <button type="submit" {...(kind === 'primary' ? {} : { class: kind })} {...sent}>
      {children}
    </button>
  );
}

/** A link that looks like a button, for going somewhere instead of doing something. */
export function ButtonLink({
  href,
  plain = false,
  children,
}: {
  href: string;
  plain?: boolean;
  children: ComponentChildren;
}): VNode {
  return (
    <a class={plain ? 'button plain' : 'button'} href={href}>
      {children}
    </a>
  );
}

/** What can be done, in a row; each child is a button, a link or a form of its own. */
export function Actions({ children }: { children: ComponentChildren }): VNode {
  return <div class="actions">{children}</div>;
}
