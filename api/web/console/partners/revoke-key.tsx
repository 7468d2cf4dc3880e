import type { VNode } from 'preact';
import { z } from 'zod';
import type { Env } from '../../../../shared/domain/ids';
import { keyIdOf, type PartnerDoc } from '../../../../shared/store/partners';
import { auditContextForOperator } from '../../../db/audit-context';
import { PublicError } from '../../../http/public-error';
import { reasonSchema } from '../../../http/schemas';
import { validate } from '../../../http/validate';
import { keysOf } from '../../../keys/change-keys';
import { presentKey, type PresentedKey } from '../../../keys/key-schemas';
import { revokePartnerKey } from '../../../keys/revoke-partner-key';
import { readPartner } from '../../../partners/get-partner';
import { ENVIRONMENT_NAMES, Panel, RelativeTime, Split } from '../../design/app-parts';
import { confirmationErrors, ConfirmationFields } from '../../design/confirmation';
import { Checkbox } from '../../design/controls';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { Facts } from '../../design/text';
import { errorsOf } from '../../http/form-errors';
import type { Fields } from '../../http/page';
import { ConsoleLayout } from '../console-layout';
import { type ConsoleCall, type ConsoleOperator, consolePage } from '../console-page';
import { keyName, scopesText } from './partner-panels';
import { PARTNERS, partnerPath } from '../paths';
import { REASON_HINT } from '../reason';

const ENVIRONMENTS: readonly Env[] = ['live', 'test'];
const revokeInput = z.strictObject({ reason: reasonSchema });

/** A key, its partner, and the keys that descend from it and still exist. */
interface ShownKey {
  partner: PartnerDoc;
  key: PresentedKey;
  created: readonly PresentedKey[];
}

async function readKey({ ctx, params }: Pick<ConsoleCall, 'ctx' | 'params'>): Promise<ShownKey> {
  const partner = await readPartner(ctx, params['id']!);
  const all = ENVIRONMENTS.flatMap((env) => keysOf(partner, env, new Date()));
  const found = all.find(({ current }) => keyIdOf(current) === params['key']);
  if (!found) throw new PublicError('NOT_FOUND', 'This key doesn’t exist. It may have been revoked already.');
  const key = presentKey(found.current, found.replaced);
  const created = all.filter(
    ({ current: { env, creators } }) => env === key.environment && creators?.includes(key.keyId),
  );
  return { partner, key, created: created.map(({ current, replaced }) => presentKey(current, replaced)) };
}

function AffectedKey({ shown: { partner, key, created } }: { shown: ShownKey }): VNode {
  return (
    <Panel title="What is affected">
      <Facts
        facts={[
          ['Partner', <bdi>{partner.name}</bdi>],
          ['Environment', ENVIRONMENT_NAMES[key.environment]],
          ['Begins with', <code>{key.prefix}…</code>],
          ['May do', scopesText(key)],
          ['Last used', key.lastUsedAt === null ? 'Never' : <RelativeTime at={new Date(key.lastUsedAt)} />],
          ['Created', <RelativeTime at={new Date(key.createdAt)} />],
          key.previous.length > 0 ? ['Previous secrets', `${key.previous.length}, revoked with the key`] : null,
          created.length > 0 ? ['Keys that it created', created.map(keyName).join(', ')] : null,
          ['Not affected', 'The partner’s other keys, its agents, and events that the key has submitted'],
          ['Key ID', <code>{key.keyId}</code>],
        ]}
      />
    </Panel>
  );
}

function RevokeKey({
  operator,
  shown,
  form = {},
  errors = [],
}: {
  operator: ConsoleOperator;
  shown: ShownKey;
  form?: Fields;
  errors?: readonly FormError[];
}): VNode {
  const { partner, key, created } = shown;
  const path = partnerPath(partner._id);
  const title = `Revoke ${key.name ?? 'a key'} of ${partner.name}`;
  return (
    <ConsoleLayout
      title={title}
      errors={errors}
      current={PARTNERS}
      operator={operator}
      lead="Requests with this key are rejected at once and permanently."
    >
      <Split>
        <Panel>
          <Form action={`${path}/keys/${encodeURIComponent(key.keyId)}`}>
            <ConfirmationFields
              expected={partner.name}
              reasonHint={REASON_HINT}
              hint="If the partner’s servers use this key, MIR rejects their requests until they use another one."
              form={form}
              errors={errors}
            />
            {created.length > 0 && (
              <Checkbox
                name="includeCreated"
                label={
                  created.length === 1
                    ? 'Also revoke the key that it created'
                    : `Also revoke the ${created.length} keys that it created`
                }
                checked={form['includeCreated'] === 'on'}
              />
            )}
            <Actions>
              <Button kind="danger">Revoke the key</Button>
              <ButtonLink href={path} plain>
                Cancel
              </ButtonLink>
            </Actions>
          </Form>
          <p class="quiet small">
            If the key has not leaked, ask the partner to rotate it in the portal instead: both secrets work for a
            while, so nothing stops.
          </p>
        </Panel>
        <AffectedKey shown={shown} />
      </Split>
    </ConsoleLayout>
  );
}

export const revokeKeyPage = consolePage({
  method: 'GET',
  path: '/partners/:id/keys/:key',
  right: 'keys:revoke',
  recentLogIn: true,
  handle: async (page) => ({ html: <RevokeKey operator={page.operator} shown={await readKey(page)} /> }),
});

export const revokeKey = consolePage({
  method: 'POST',
  path: '/partners/:id/keys/:key',
  right: 'keys:revoke',
  recentLogIn: true,
  handle: async (page) => {
    const { ctx, operator, actor, form, requestId } = page;
    const shown = await readKey(page);
    const errors = confirmationErrors(form, shown.partner.name);
    try {
      if (errors.length === 0) {
        const { reason } = validate(revokeInput, { reason: form['reason'] }, 'body');
        const includeCreated = form['includeCreated'] === 'on';
        const auditContext = auditContextForOperator({ operator: actor, requestId });
        await revokePartnerKey(ctx, shown.partner._id, shown.key, { includeCreated, reason }, auditContext);
        const env = shown.key.environment === 'test' ? '&env=test' : '';
        return { redirect: `${partnerPath(shown.partner._id)}?done=revoked${env}` };
      }
    } catch (error) {
      errors.push(...errorsOf(error, {}));
    }
    return { status: 422, html: <RevokeKey {...{ operator, shown, form, errors }} /> };
  },
});
