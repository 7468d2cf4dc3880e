import type { VNode } from 'preact';
import { readPartner } from '../../../partners/get-partner';
import { previewSuspension, type SuspensionPreview } from '../../../partners/preview-suspension';
import { updatePartnerRoute } from '../../../partners/update-partner';
import { countText } from '../../design/count-text';
import { DataTable, ENVIRONMENT_NAMES, Panel, Split } from '../../design/app-parts';
import { confirmationErrors, ConfirmationFields, reasonErrors, ReasonField } from '../../design/confirmation';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { Marks, Notice } from '../../design/text';
import { errorsOf } from '../../http/form-errors';
import type { Fields } from '../../http/page';
import { ConsoleLayout } from '../console-layout';
import { type ConsoleCall, type ConsoleOperator, consolePage } from '../console-page';
import { PARTNERS, partnerPath } from '../paths';
import { REASON_HINT } from '../reason';

interface FormProps {
  operator: ConsoleOperator;
  form?: Fields;
  errors?: readonly FormError[];
}

const UNAFFECTED = [
  'Queued events. They are accepted, and are still stored.',
  'Stored events, links, and the signals that other partners see.',
  'Webhook messages that are waiting to be sent.',
];

function Affected({ environments }: SuspensionPreview): VNode {
  return (
    <>
      <Panel title="What is affected" flush>
        <DataTable
          caption="What a suspension affects"
          columns={[
            { text: 'Environment' },
            { text: 'Keys', numeric: true },
            { text: 'Agents', numeric: true },
            { text: 'Queued events', numeric: true },
          ]}
          rows={environments.map(({ env, keys, agents, queuedEvents, isLowerBound }) => ({
            key: env,
            cells: [
              ENVIRONMENT_NAMES[env],
              ...[keys, agents, queuedEvents].map((count) => `${isLowerBound ? 'at least ' : ''}${countText(count)}`),
            ],
          }))}
        />
      </Panel>
      <Panel title="What is not affected">
        <Marks no items={UNAFFECTED} />
      </Panel>
    </>
  );
}

function SuspendForm({ operator, preview, form = {}, errors = [] }: FormProps & { preview: SuspensionPreview }): VNode {
  const { partnerId, name, suspended } = preview;
  const path = partnerPath(partnerId);
  const title = `Suspend ${name}`;
  const mayChange = operator.rights.includes('partners:change');
  return (
    <ConsoleLayout
      title={title}
      errors={errors}
      current={PARTNERS}
      operator={operator}
      lead="Every request with a key of the partner or of its agents is rejected at once. You can undo it at any time."
    >
      {suspended && (
        <Notice kind="warn" title="This partner is already suspended">
          <p>
            <a href={path}>Show the partner</a>
          </p>
        </Notice>
      )}
      <Split>
        <Panel>
          <Form action={`${path}/suspend`}>
            <ConfirmationFields
              expected={name}
              reasonHint={REASON_HINT}
              hint="People also can’t connect new accounts until you reactivate the partner."
              form={form}
              errors={errors}
            />
            <Actions>
              <Button kind="danger">Suspend the partner</Button>
              {mayChange && (
                <ButtonLink href={`${path}/change`} plain>
                  Lower its limits instead
                </ButtonLink>
              )}
              <ButtonLink href={path} plain>
                Cancel
              </ButtonLink>
            </Actions>
          </Form>
        </Panel>
        <div>
          <Affected {...preview} />
        </div>
      </Split>
    </ConsoleLayout>
  );
}

type PartnerCall = Pick<ConsoleCall, 'ctx' | 'params'>;

const previewOf = async ({ ctx, params }: PartnerCall): Promise<SuspensionPreview> =>
  previewSuspension(ctx, await readPartner(ctx, params['id']!));

export const suspendPartnerPage = consolePage({
  method: 'GET',
  path: '/partners/:id/suspend',
  right: 'partners:suspend',
  recentLogIn: true,
  handle: async (page) => ({ html: <SuspendForm operator={page.operator} preview={await previewOf(page)} /> }),
});

export const suspendPartner = consolePage({
  method: 'POST',
  path: '/partners/:id/suspend',
  right: 'partners:suspend',
  recentLogIn: true,
  handle: async (page) => {
    const { ctx, operator, call, params, form } = page;
    const { _id, name } = await readPartner(ctx, params['id']!);
    const errors = confirmationErrors(form, name);
    try {
      if (errors.length === 0) {
        const body = { suspended: true, reason: form['reason']!.trim() };
        await call(updatePartnerRoute, { params: { id: _id }, body });
        return { redirect: `${partnerPath(_id)}?done=suspended` };
      }
    } catch (error) {
      errors.push(...errorsOf(error, {}));
    }
    const preview = await previewOf(page);
    return { status: 422, html: <SuspendForm {...{ operator, preview, form, errors }} /> };
  },
});

interface Named {
  partnerId: string;
  name: string;
}

function ReactivateForm({ operator, partnerId, name, form = {}, errors = [] }: FormProps & Named): VNode {
  const path = partnerPath(partnerId);
  const title = `Reactivate ${name}`;
  return (
    <ConsoleLayout
      title={title}
      errors={errors}
      current={PARTNERS}
      operator={operator}
      lead="The keys of the partner and of its agents work again at once, except those that were revoked or have expired."
    >
      <Panel>
        <Form action={`${path}/reactivate`}>
          <ReasonField form={form} hint={REASON_HINT} errors={errors} />
          <Actions>
            <Button>Reactivate the partner</Button>
            <ButtonLink href={path} plain>
              Cancel
            </ButtonLink>
          </Actions>
        </Form>
      </Panel>
    </ConsoleLayout>
  );
}

const namedPartner = async ({ ctx, params }: PartnerCall): Promise<Named> => {
  const { _id: partnerId, name } = await readPartner(ctx, params['id']!);
  return { partnerId, name };
};

export const reactivatePartnerPage = consolePage({
  method: 'GET',
  path: '/partners/:id/reactivate',
  right: 'partners:suspend',
  recentLogIn: true,
  handle: async (page) => ({ html: <ReactivateForm operator={page.operator} {...await namedPartner(page)} /> }),
});

export const reactivatePartner = consolePage({
  method: 'POST',
  path: '/partners/:id/reactivate',
  right: 'partners:suspend',
  recentLogIn: true,
  handle: async (page) => {
    const { operator, call, form } = page;
    const named = await namedPartner(page);
    const errors = reasonErrors(form);
    try {
      if (errors.length === 0) {
        const body = { suspended: false, reason: form['reason']!.trim() };
        await call(updatePartnerRoute, { params: { id: named.partnerId }, body });
        return { redirect: `${partnerPath(named.partnerId)}?done=reactivated` };
      }
    } catch (error) {
      errors.push(...errorsOf(error, {}));
    }
    return { status: 422, html: <ReactivateForm {...{ operator, ...named, form, errors }} /> };
  },
});
