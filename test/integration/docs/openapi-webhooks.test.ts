import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../shared/domain/ids';
import { removeAllLinks } from '../../../api/links/remove-links';
import { WEBHOOK_MESSAGES } from '../../../api/openapi/webhooks';
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
  it('sends webhook messages and documents examples that match the schemas', async () => {
    const partner = await mir.partner();
    const webhook = { key: partner.liveKey, body: { url: 'https://harbour.example/hooks/mir' } };
    expect((await mir.client.request('PUT', '/v1/partners/webhook', webhook)).status).toBe(200);
    const person = await newPerson(mir);
    await invite(mir, partner, 'u-1');
    await linkUser(mir, partner, 'u-1', person);
    await removeAllLinks(mir.ctx, person, auditContextForPerson(), () => Promise.resolve());
    const rows = await mir.ctx.store.deliveries.model.find({ tenant: tenantOf(partner.partnerId, 'live') }).lean();
    expect(rows.map(({ type }) => type).toSorted()).toEqual(Object.keys(WEBHOOK_MESSAGES).toSorted());

    const { document } = await readOpenApi(mir.client);
    for (const { type, body } of rows) {
      const { schema } = WEBHOOK_MESSAGES[type]!;
      const message: unknown = JSON.parse(body);
      const { post } = document.webhooks[type]!;
      const [[, value] = []] = examplesOf(post.requestBody!.content['application/json']!, document);
      expect({ type, problems: schema.safeParse(message).error }).toEqual({ type, problems: undefined });
      expect({ type, problems: schema.safeParse(value).error }).toEqual({ type, problems: undefined });
      expect(message).toMatchObject({ type });
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
