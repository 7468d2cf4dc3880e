import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../shared/domain/ids';
import { removeAllLinks } from '../../../api/links/remove-links';
import { WEBHOOK_MESSAGES } from '../../../api/openapi/webhook-messages';
import { LINK_WEBHOOK_TYPES, WEBHOOK_TEST_TYPE, WEBHOOK_TYPES } from '../../../shared/domain/webhook';
import type { Harness } from '../../support/harness';
import { sharedHarness } from '../../support/shared-harness';
import { examplesOf, readOpenApi, valueAt } from '../../support/openapi';
import { invite, linkUser, newPerson, auditContextForPerson } from '../../support/link';

let mir: Harness;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
});
afterAll(() => mir.close());

describe('OpenAPI webhooks', () => {
  it('sends link messages that match the schemas', async () => {
    const partner = await mir.partner();
    const webhook = { key: partner.liveKey, body: { url: 'https://harbour.example/hooks/mir' } };
    expect((await mir.client.request('PUT', '/v1/partners/webhook', webhook)).status).toBe(200);
    const person = await newPerson(mir);
    await invite(mir, partner, 'u-1');
    await linkUser(mir, partner, 'u-1', person);
    await removeAllLinks(mir.ctx, person, auditContextForPerson(), () => Promise.resolve());
    const rows = await mir.ctx.store.deliveries.model.find({ tenant: tenantOf(partner.partnerId, 'live') }).lean();
    expect(rows.map(({ type }) => type).toSorted()).toEqual([...LINK_WEBHOOK_TYPES].toSorted());
    for (const { type, body } of rows) {
      const { schema } = WEBHOOK_MESSAGES[type];
      const message: unknown = JSON.parse(body);
      expect({ type, problems: schema.safeParse(message).error }).toEqual({ type, problems: undefined });
      expect(message).toMatchObject({ type });
    }
  });

  it('documents every type with an example that matches its schema', async () => {
    const { document } = await readOpenApi(mir.client);
    expect(Object.keys(document.webhooks)).toEqual([...WEBHOOK_TYPES, WEBHOOK_TEST_TYPE]);
    for (const [type, { schema }] of Object.entries(WEBHOOK_MESSAGES)) {
      const { post } = document.webhooks[type]!;
      const [[, value] = []] = examplesOf(post.requestBody!.content['application/json']!, document);
      expect({ type, problems: schema.safeParse(value).error }).toEqual({ type, problems: undefined });
    }
  });

  it('documents the Standard Webhooks signature for every message', async () => {
    const { raw } = await readOpenApi(mir.client);
    expect(Object.keys(raw.webhooks)).toEqual(Object.keys(WEBHOOK_MESSAGES));
    for (const { post } of Object.values(raw.webhooks)) {
      expect(post).toMatchObject({
        security: [{ webhookSignature: [] }],
        parameters: ['WebhookId', 'WebhookTimestamp', 'WebhookSignature'].map((name) => ({
          $ref: `#/components/parameters/${name}`,
        })),
      });
    }
    expect(valueAt(raw, '#/components/securitySchemes/webhookSignature')).toMatchObject({
      type: 'apiKey',
      in: 'header',
      name: 'webhook-signature',
    });
  });
});
