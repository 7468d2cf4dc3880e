import type { VNode } from 'preact';
import { partnerPatch } from '../../../partners/input-schemas';
import { getPartnerRoute } from '../../../partners/get-partner';
import type { PresentedPartner } from '../../../partners/present-partner';
import { updatePartnerRoute } from '../../../partners/update-partner';
import { Panel, Split } from '../../design/app-parts';
import { reasonErrors, ReasonField } from '../../design/confirmation';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { Marks, Notice } from '../../design/text';
import { parseFields } from '../../http/form-errors';
import type { Fields } from '../../http/page';
import { ConsoleLayout } from '../console-layout';
import { type ConsoleOperator, consolePage } from '../console-page';
import { enteredTerms, TERMS_NAMING, TermsFields } from './terms-fields';
import { PARTNERS, partnerPath } from '../paths';
import { REASON_HINT } from '../reason';

const CONFLICT = 409;
const EFFECTS = [
  'Plan: with Standard, agents that exist can still read and be stopped, but no longer write, and none can be added.',
  'Limits: MIR rejects what exceeds them with RATE_LIMITED, for each environment on its own. Accepted events stay.',
  'Return origins: people can return only to these sites after they connect an account.',
];
const LIMITS = ['eventsPerMinute', 'requestsPerMinute', 'queueSharePercent'] as const;

/** Returns the partner's terms as the form shows them. */
function currentTerms({ plan, limits, allowedReturnOrigins }: PresentedPartner): Fields {
  return {
    plan,
    ...Object.fromEntries(LIMITS.map((field) => [field, String(limits[field])])),
    allowedReturnOrigins: allowedReturnOrigins.join('\n'),
  };
}

/** Returns the entered terms that differ from the current ones, so that nothing else is written. */
function changesOf(form: Fields, partner: PresentedPartner): Record<string, unknown> {
  const { plan, limits, allowedReturnOrigins } = enteredTerms(form);
  const changed = LIMITS.filter((field) => limits[field] !== partner.limits[field]);
  const sameOrigins = allowedReturnOrigins.join('\n') === partner.allowedReturnOrigins.join('\n');
  return {
    ...(plan === partner.plan ? {} : { plan }),
    ...(changed.length === 0 ? {} : { limits: Object.fromEntries(changed.map((field) => [field, limits[field]])) }),
    ...(sameOrigins ? {} : { allowedReturnOrigins }),
  };
}

interface ChangeProps {
  operator: ConsoleOperator;
  partner: PresentedPartner;
  values?: Fields;
  errors?: readonly FormError[];
  /** Another change was saved after the form was opened. */
  isOutdated?: boolean;
}

function ChangePartner({
  operator,
  partner,
  values = currentTerms(partner),
  errors = [],
  isOutdated = false,
}: ChangeProps): VNode {
  const path = partnerPath(partner.partnerId);
  const title = `Change ${partner.name}`;
  return (
    <ConsoleLayout
      title={title}
      errors={errors}
      current={PARTNERS}
      operator={operator}
      lead="In force in every process as soon as it is saved."
    >
      {isOutdated && (
        <Notice kind="warn" title="This partner was changed in the meantime">
          <p>
            Nothing was saved. The form shows what you entered. Compare it with <a href={path}>the partner</a>, then
            save again.
          </p>
        </Notice>
      )}
      <Split>
        <Panel>
          <Form action={`${path}/change`} hidden={{ seen: partner.updatedAt }}>
            <TermsFields values={values} errors={errors} isOpen />
            <ReasonField form={values} hint={REASON_HINT} errors={errors} />
            <Actions>
              <Button>Save</Button>
              <ButtonLink href={path} plain>
                Cancel
              </ButtonLink>
            </Actions>
          </Form>
        </Panel>
        <Panel title="What a change does">
          <Marks items={EFFECTS} />
        </Panel>
      </Split>
    </ConsoleLayout>
  );
}

export const changePartnerPage = consolePage({
  method: 'GET',
  path: '/partners/:id/change',
  right: 'partners:change',
  handle: async ({ operator, call, params }) => {
    const partner = await call<PresentedPartner>(getPartnerRoute, { params: { id: params['id']! } });
    return { html: <ChangePartner operator={operator} partner={partner} /> };
  },
});

export const changePartner = consolePage({
  method: 'POST',
  path: '/partners/:id/change',
  right: 'partners:change',
  handle: async ({ operator, call, params: { id }, form }) => {
    const partner = await call<PresentedPartner>(getPartnerRoute, { params: { id: id! } });
    const shown = { operator, partner, values: form };
    if (form['seen'] !== partner.updatedAt) {
      return { status: CONFLICT, html: <ChangePartner {...shown} isOutdated /> };
    }
    const reason = (form['reason'] ?? '').trim();
    const changes = changesOf(form, partner);
    const isEmpty = Object.keys(changes).length === 0;
    const { data, errors } = isEmpty
      ? { data: null, errors: [{ field: '', message: 'Nothing differs from the current plan and limits.' }] }
      : parseFields(partnerPatch, { ...changes, ...(reason !== '' && { reason }) }, TERMS_NAMING);
    const all = [...errors, ...reasonErrors(form)];
    if (data === null || all.length > 0) {
      return { status: 422, html: <ChangePartner {...shown} errors={all} /> };
    }
    await call(updatePartnerRoute, { params: { id: id! }, body: data });
    return { redirect: `${partnerPath(id!)}?done=changed` };
  },
});
