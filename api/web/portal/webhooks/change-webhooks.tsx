import type { VNode } from 'preact';
import { MAX_URL_LENGTH } from '../../../http/lengths';
import type { z } from 'zod';
import { createWebhookRoute } from '../../../webhooks/create-webhook';
import { deleteWebhookRoute } from '../../../webhooks/delete-webhook';
import { getWebhookRoute } from '../../../webhooks/get-webhook';
import type { issuedWebhookSchema, webhookSchema } from '../../../webhooks/webhook-schemas';
import { Panel } from '../../design/app-parts';
import { Field } from '../../design/controls';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { Facts, Secret } from '../../design/text';
import { errorsOf, urlMessages } from '../../http/form-errors';
import { type Member, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';

const PATH = '/webhooks';

function NewWebhook({ member, url = '', errors = [] }: { member: Member; url?: string; errors?: FormError[] }): VNode {
  return (
    <PortalLayout member={member} title="Add an endpoint" errors={errors} path={PATH}>
      <Panel>
        <Form action={`${member.base}${PATH}/new`}>
          <Field
            name="url"
            label="Address"
            type="url"
            hint="An https address of your server. It gets all messages of this environment."
            maxLength={MAX_URL_LENGTH}
            value={url}
            errors={errors}
          />
          <Actions>
            <Button>Add the endpoint</Button>
            <ButtonLink href={member.base + PATH} plain>
              Cancel
            </ButtonLink>
          </Actions>
        </Form>
      </Panel>
    </PortalLayout>
  );
}

export const newWebhookPage = memberPage({
  method: 'GET',
  path: `${PATH}/new`,
  scope: 'webhooks:manage',
  recentLogIn: true,
  handle: ({ member }) => ({ html: <NewWebhook member={member} /> }),
});

export const createWebhookPage = memberPage({
  method: 'POST',
  path: `${PATH}/new`,
  scope: 'webhooks:manage',
  recentLogIn: true,
  handle: async ({ member, call, form }) => {
    const url = (form['url'] ?? '').trim();
    try {
      const created = await call<z.infer<typeof issuedWebhookSchema>>(createWebhookRoute, { body: { url } });
      return {
        html: (
          <PortalLayout member={member} title="Copy the secret now" path={PATH}>
            <Panel>
              <p>Your server verifies with this secret that messages come from MIR. It is shown only once.</p>
              <Secret id="secret">{created.secret}</Secret>
              <Actions>
                <ButtonLink href={`${member.base}${PATH}/view?webhook=${created.webhookId}`}>
                  Open the endpoint
                </ButtonLink>
              </Actions>
            </Panel>
          </PortalLayout>
        ),
      };
    } catch (error) {
      return { status: 422, html: <NewWebhook member={member} url={url} errors={errorsOf(error, urlMessages(url))} /> };
    }
  },
});

function DeleteWebhook({ member, webhook }: { member: Member; webhook: z.infer<typeof webhookSchema> }): VNode {
  return (
    <PortalLayout member={member} title="Delete this endpoint" path={PATH}>
      <Panel>
        <p>
          MIR stops sending messages to it, and forgets its secret and deliveries. Other endpoints are not affected.
        </p>
        <Facts facts={[['Address', webhook.url]]} />
        <Form action={`${member.base}${PATH}/delete`} hidden={{ webhook: webhook.webhookId }}>
          <Actions>
            <Button kind="danger">Delete the endpoint</Button>
            <ButtonLink href={`${member.base}${PATH}/view?webhook=${webhook.webhookId}`} plain>
              Cancel
            </ButtonLink>
          </Actions>
        </Form>
      </Panel>
    </PortalLayout>
  );
}

export const deleteWebhookPage = memberPage({
  method: 'GET',
  path: `${PATH}/delete`,
  scope: 'webhooks:manage',
  handle: async ({ member, call, query }) => {
    const webhook = await call<z.infer<typeof webhookSchema>>(getWebhookRoute, {
      params: { id: query['webhook'] ?? '' },
    });
    return { html: <DeleteWebhook member={member} webhook={webhook} /> };
  },
});

export const deleteWebhook = memberPage({
  method: 'POST',
  path: `${PATH}/delete`,
  scope: 'webhooks:manage',
  handle: async ({ member, call, form }) => {
    await call(deleteWebhookRoute, { params: { id: form['webhook'] ?? '' } });
    return { redirect: `${member.base}${PATH}?done=deleted` };
  },
});
