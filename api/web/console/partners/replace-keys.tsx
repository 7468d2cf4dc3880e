import type { VNode } from 'preact';
import type { Env } from '../../../../shared/domain/ids';
import { PublicError } from '../../../http/public-error';
import { keysOf } from '../../../keys/change-keys';
import { presentKey, type PresentedKey } from '../../../keys/key-schemas';
import { readPartner } from '../../../partners/get-partner';
import { type RotatedKey, rotateKeysRoute } from '../../../partners/rotate-keys';
import { ENVIRONMENT_NAMES, Panel, Split } from '../../design/app-parts';
import { confirmationErrors, ConfirmationFields } from '../../design/confirmation';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { Facts, Notice, Secret } from '../../design/text';
import { errorsOf } from '../../http/form-errors';
import type { Fields } from '../../http/page';
import { ConsoleLayout } from '../console-layout';
import { type ConsoleCall, type ConsoleOperator, consolePage } from '../console-page';
import { keyName } from './partner-panels';
import { PARTNERS, partnerPath } from '../paths';
import { REASON_HINT } from '../reason';

interface Replaced {
  partnerId: string;
  name: string;
  env: Env;
  keys: readonly PresentedKey[];
}

async function readReplaced({ ctx, params }: Pick<ConsoleCall, 'ctx' | 'params'>): Promise<Replaced> {
  const env = params['env'];
  if (env !== 'live' && env !== 'test') throw new PublicError('NOT_FOUND', 'Check the address.');
  const partner = await readPartner(ctx, params['id']!);
  const keys = keysOf(partner, env, new Date()).map(({ current, replaced }) => presentKey(current, replaced));
  return { partnerId: partner._id, name: partner.name, env, keys };
}

interface FormProps {
  operator: ConsoleOperator;
  replaced: Replaced;
  form?: Fields;
  errors?: readonly FormError[];
}

function ReplaceKeys({ operator, replaced: { partnerId, name, env, keys }, form = {}, errors = [] }: FormProps): VNode {
  const path = partnerPath(partnerId);
  const title = `Replace all ${env} keys of ${name}`;
  return (
    <ConsoleLayout
      title={title}
      errors={errors}
      current={PARTNERS}
      operator={operator}
      lead="For a partner that has lost access to its keys and has no administrator who can create one."
    >
      <Split>
        <Panel>
          <Form action={`${path}/replace-keys/${env}`}>
            <ConfirmationFields
              expected={name}
              reasonHint={REASON_HINT}
              hint="The next page shows the new key once. You pass it on to the partner."
              form={form}
              errors={errors}
            />
            <Actions>
              <Button kind="danger">Replace the keys</Button>
              <ButtonLink href={env === 'live' ? path : `${path}?env=test`} plain>
                Revoke a single key instead
              </ButtonLink>
            </Actions>
          </Form>
        </Panel>
        <Panel title="What is affected">
          <Facts
            facts={[
              ['Environment', ENVIRONMENT_NAMES[env]],
              ['Keys that stop working', keys.length === 0 ? 'None' : keys.map(keyName).join(', ')],
              ['New key', 'One, which may do everything'],
              ['Not affected', `Agents, members, and the keys of the ${env === 'live' ? 'test' : 'live'} environment`],
            ]}
          />
        </Panel>
      </Split>
    </ConsoleLayout>
  );
}

/** The new key. No later page contains it. */
function NewKey({ operator, replaced: { partnerId, name, env }, apiKey }: FormProps & { apiKey: string }): VNode {
  return (
    <ConsoleLayout title={`${ENVIRONMENT_NAMES[env]} key of ${name}`} current={PARTNERS} operator={operator}>
      <Notice kind="warn" title="Copy the key now">
        <p>It’s shown only once. Pass it on in a way that only the partner can read.</p>
      </Notice>
      <Panel>
        <Secret id="api-key">{apiKey}</Secret>
        <Actions>
          <ButtonLink href={env === 'live' ? partnerPath(partnerId) : `${partnerPath(partnerId)}?env=test`}>
            I’ve copied the key
          </ButtonLink>
        </Actions>
      </Panel>
    </ConsoleLayout>
  );
}

const PATH = '/partners/:id/replace-keys/:env';

export const replaceKeysPage = consolePage({
  method: 'GET',
  path: PATH,
  right: 'partners:change',
  recentLogIn: true,
  handle: async (page) => ({ html: <ReplaceKeys operator={page.operator} replaced={await readReplaced(page)} /> }),
});

/** Needs more than the right to revoke keys, because the new key may do everything that the partner may. */
export const replaceKeys = consolePage({
  method: 'POST',
  path: PATH,
  right: 'partners:change',
  recentLogIn: true,
  handle: async (page) => {
    const { operator, call, form } = page;
    const replaced = await readReplaced(page);
    const errors = confirmationErrors(form, replaced.name);
    try {
      if (errors.length === 0) {
        const input = {
          params: { id: replaced.partnerId },
          body: { env: replaced.env, reason: form['reason']!.trim() },
        };
        const { apiKey } = await call<RotatedKey>(rotateKeysRoute, input);
        return {
          html: <NewKey operator={operator} replaced={replaced} apiKey={apiKey} />,
          headers: { 'Cache-Control': 'no-store' },
        };
      }
    } catch (error) {
      errors.push(...errorsOf(error, {}));
    }
    return { status: 422, html: <ReplaceKeys {...{ operator, replaced, form, errors }} /> };
  },
});
