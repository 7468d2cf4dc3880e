import type { VNode } from 'preact';
import { z } from 'zod';
import { MirError } from '../../../../shared/errors';
import { DEFAULT_QUEUE_SHARE_PERCENT } from '../../../../shared/queue/overload-guard';
import { auditContextForOperator } from '../../../db/audit-context';
import { reasonSchema } from '../../../http/schemas';
import { approvePendingApplication } from '../../../partners/approve-application';
import { termsInput } from '../../../partners/input-schemas';
import { readApplication } from '../../../partners/list-applications';
import type { IssuedKeys } from '../../../partners/present-partner';
import { rejectPendingApplication } from '../../../partners/reject-application';
import { Panel } from '../../design/app-parts';
import { Actions, ButtonLink } from '../../design/form';
import { Facts, Notice, Num, Secret } from '../../design/text';
import type { Fields, PageResponse } from '../../http/page';
import { parseFields } from '../../http/form-errors';
import { DECIDE, showApplication } from './application-page';
import { applicationPath } from './applications-table';
import { ConsoleLayout } from '../console-layout';
import { type ConsoleOperator, consolePage } from '../console-page';
import { enteredTerms, TERMS_NAMING } from '../partners/terms-fields';

const rejectInput = z.strictObject({ reason: reasonSchema });

interface IssuedProps {
  name: string;
  contactEmail: string;
  keys: IssuedKeys;
  operator: ConsoleOperator;
}

/** The first keys of a partner. No later page contains them. */
function Issued({ name, contactEmail, keys: { partnerId, liveApiKey, testApiKey }, operator }: IssuedProps): VNode {
  return (
    <ConsoleLayout title={`API keys of ${name}`} current="/console/applications" operator={operator}>
      <Notice kind="warn" title="Copy both keys now">
        <p>They’re shown only once. Pass them on to {contactEmail} in a way that only they can read.</p>
      </Notice>
      <Panel>
        <Facts facts={[['Partner ID', <Num>{partnerId}</Num>]]} />
        <h3 id="test-key">Test key</h3>
        <Secret labelledBy="test-key">{testApiKey}</Secret>
        <h3 id="live-key">Live key</h3>
        <Secret labelledBy="live-key">{liveApiKey}</Secret>
      </Panel>
      <Actions>
        <ButtonLink href="/console/applications">I’ve copied both keys</ButtonLink>
      </Actions>
    </ConsoleLayout>
  );
}

/** Returns the terms in a form, as a client of the API sends them. */
function termsOf(form: Fields): unknown {
  const { plan, limits, allowedReturnOrigins } = enteredTerms(form);
  const { queueSharePercent, ...perMinute } = limits;
  return {
    plan,
    limits: {
      ...perMinute,
      // The default is not stored, so that a later default applies to this partner, too.
      ...(queueSharePercent === DEFAULT_QUEUE_SHARE_PERCENT ? {} : { queueSharePercent }),
    },
    ...(allowedReturnOrigins.length > 0 ? { allowedReturnOrigins } : {}),
  };
}

/** Returns null if the application was decided in the meantime, or does not exist. */
async function unlessDecided<T>(decision: Promise<T>): Promise<T | null> {
  try {
    return await decision;
  } catch (error) {
    if (error instanceof MirError && error.code === 'CONFLICT') return null;
    throw error;
  }
}

export const approveApplication = consolePage({
  method: 'POST',
  path: '/applications/:id/approve',
  right: DECIDE,
  handle: async ({ ctx, operator, actor, params, form, requestId }): Promise<PageResponse> => {
    const id = params['id']!;
    const { data: terms, errors } = parseFields(termsInput, termsOf(form), TERMS_NAMING);
    if (terms === null) return showApplication(ctx, operator, id, { values: form, errors });
    const issueKeys = ctx.config.mail.kind === 'off';
    const auditContext = auditContextForOperator({ operator: actor, requestId });
    const keys = await unlessDecided(approvePendingApplication(ctx, id, terms, auditContext, { issueKeys }));
    if (keys === null) return showApplication(ctx, operator, id, { isTooLate: true });
    if (!issueKeys) return { redirect: `${applicationPath(id)}?done=approved` };
    const { name, contactEmail } = await readApplication(ctx, id);
    return {
      html: <Issued name={name} contactEmail={contactEmail} keys={keys} operator={operator} />,
      headers: { 'Cache-Control': 'no-store' },
    };
  },
});

export const rejectApplication = consolePage({
  method: 'POST',
  path: '/applications/:id/reject',
  right: DECIDE,
  handle: async ({ ctx, operator, actor, params, form, requestId }): Promise<PageResponse> => {
    const id = params['id']!;
    const reason = (form['reason'] ?? '').trim();
    const { data, errors } = parseFields(
      rejectInput,
      { reason },
      {
        textOf: ({ message }) => (reason === '' ? 'Enter a reason. The applicant gets it, too.' : message),
      },
    );
    if (data === null) return showApplication(ctx, operator, id, { values: form, errors });
    const auditContext = auditContextForOperator({ operator: actor, requestId });
    const rejected = await unlessDecided(rejectPendingApplication(ctx, id, data, auditContext));
    if (rejected === null) return showApplication(ctx, operator, id, { isTooLate: true });
    return { redirect: `${applicationPath(id)}?done=rejected` };
  },
});
