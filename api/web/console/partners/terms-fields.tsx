import type { VNode } from 'preact';
import { DEFAULT_QUEUE_SHARE_PERCENT } from '../../../../shared/queue/overload-guard';
import type { ApiContext } from '../../../context';
import { Field, Select, TextArea } from '../../design/controls';
import { type FormError } from '../../design/form';
import type { FormNaming } from '../../http/form-errors';
import type { Fields } from '../../http/page';

const ORIGINS_ROWS = 2;

const PLANS = [
  { value: 'STANDARD', text: 'Standard' },
  { value: 'ENTERPRISE', text: 'Enterprise, with agents' },
];

/** Returns the terms that the form to approve an application starts with: the defaults of the API. */
export function defaultTerms({ defaultLimits }: Pick<ApiContext['config'], 'defaultLimits'>): Fields {
  return {
    plan: 'STANDARD',
    eventsPerMinute: String(defaultLimits.eventsPerMinute),
    requestsPerMinute: String(defaultLimits.requestsPerMinute),
    queueSharePercent: String(DEFAULT_QUEUE_SHARE_PERCENT),
  };
}

/** The fields for a partner's plan, limits and return origins. */
export function TermsFields({
  values,
  errors,
  isOpen = errors.length > 0,
}: {
  /** What the fields contain. */
  values: Fields;
  errors: readonly FormError[];
  /** Whether the limits and return origins are shown from the start. */
  isOpen?: boolean;
}): VNode {
  return (
    <>
      <Select name="plan" label="Plan" value={values['plan']} options={PLANS} errors={errors} />
      <details open={isOpen}>
        <summary>Limits and return origins</summary>
        <Field
          name="eventsPerMinute"
          label="Events per minute"
          hint="For each environment, live and test."
          inputMode="numeric"
          autocomplete="off"
          value={values['eventsPerMinute'] ?? ''}
          errors={errors}
        />
        <Field
          name="requestsPerMinute"
          label="Other requests per minute"
          inputMode="numeric"
          autocomplete="off"
          value={values['requestsPerMinute'] ?? ''}
          errors={errors}
        />
        <Field
          name="queueSharePercent"
          label="Share of the queue, in percent"
          hint="How much of the queue its waiting events may take up."
          inputMode="numeric"
          autocomplete="off"
          value={values['queueSharePercent'] ?? ''}
          errors={errors}
        />
        <TextArea
          name="allowedReturnOrigins"
          label="Return origins (optional)"
          hint="Where people may return to after they connect an account. One a line, such as https://shop.example."
          rows={ORIGINS_ROWS}
          optional
          value={values['allowedReturnOrigins']}
          errors={errors}
        />
      </details>
    </>
  );
}

/** What errors call the fields, in the summary at the top of the page. */
const TERM_LABELS = [
  ['eventsPerMinute', 'Events per minute'],
  ['requestsPerMinute', 'Other requests per minute'],
  ['queueSharePercent', 'Share of the queue'],
  ['allowedReturnOrigins', 'Return origins'],
] as const;

/** Names the fields of the form in what the API's schemas reject. */
export const TERMS_NAMING: FormNaming = {
  nameOf: ({ path }) => path.replace(/^limits\./, '').replace(/^(allowedReturnOrigins)\..*/, '$1'),
  textOf: ({ path, code, message }) => {
    const label = TERM_LABELS.find(([field]) => path.includes(field))?.[1];
    const text = code === 'INVALID_TYPE' || code === 'REQUIRED' ? 'Enter a whole number.' : message;
    return label === undefined ? text : `${label}: ${text}`;
  },
};

/** Returns an entered number. Text that is not a whole number becomes NaN, which no limit accepts. */
function numberOf(text: string | undefined): number {
  const entered = (text ?? '').trim();
  return /^\d+$/.test(entered) ? Number(entered) : Number.NaN;
}

/** What the fields contain, before it is validated. */
interface EnteredTerms {
  plan: string;
  limits: Record<'eventsPerMinute' | 'requestsPerMinute' | 'queueSharePercent', number>;
  allowedReturnOrigins: string[];
}

/** Returns the terms in a form. */
export function enteredTerms(form: Fields): EnteredTerms {
  return {
    plan: form['plan'] ?? '',
    limits: {
      eventsPerMinute: numberOf(form['eventsPerMinute']),
      requestsPerMinute: numberOf(form['requestsPerMinute']),
      queueSharePercent: numberOf(form['queueSharePercent']),
    },
    allowedReturnOrigins: (form['allowedReturnOrigins'] ?? '').split(/\s+/).filter((origin) => origin !== ''),
  };
}
