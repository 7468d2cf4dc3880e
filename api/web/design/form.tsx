import type { ComponentChildren, VNode } from 'preact';
import { usePageFacts } from './page-facts';

/** Name of the hidden field that contains the CSRF token. */
export const CSRF_TOKEN_FIELD = 'form_token';

/** An error message for a field, or for the whole form when `field` is ''. */
export interface FormError {
  field: string;
  message: string;
}

/** Puts "Error:" before the title of a page with errors, because screen readers read the title first. */
export function titleWith(errors: readonly FormError[], title: string): string {
  return errors.length === 0 ? title : `Error: ${title}`;
}

interface FormProps {
  /** One of our own paths. */
  action: string;
  /** Values of hidden fields. Null values are omitted. */
  hidden?: Record<string, string | null>;
  class?: string;
  /** Attributes that our scripts read. */
  data?: Record<`data-${string}`, string | undefined>;
  children: ComponentChildren;
}

/** A POST form with a CSRF token. */
export function Form({ action, hidden = {}, class: name = 'fields', data = {}, children }: FormProps): VNode {
  const { csrfToken } = usePageFacts();
  return (
    <form method="post" action={action} class={name} noValidate {...data}>
      <input type="hidden" name={CSRF_TOKEN_FIELD} value={csrfToken} />
      {Object.entries(hidden).map(([field, value]) =>
        value === null ? null : <input key={field} type="hidden" name={field} value={value} />,
      )}
      {children}
    </form>
  );
}

/** A form that opens a page with its fields in the address, for searches and filters. Never use it for IDs of users. */
export function SearchForm({ action, children }: { action: string; children: ComponentChildren }): VNode {
  return (
    <form method="get" action={action} class="search">
      {children}
    </form>
  );
}

/** Lists all errors above the form, and takes focus when the page opens. */
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

interface ButtonProps {
  /** `primary`: the page's main action. `danger`: an action that cannot be undone. */
  kind?: 'primary' | 'plain' | 'danger';
  /** Submitted with the form when this button is pressed. */
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

/** A link that looks like a button, for navigation only. */
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

/** A row of buttons, links or single-button forms. */
export function Actions({ children }: { children: ComponentChildren }): VNode {
  return <div class="actions">{children}</div>;
}
