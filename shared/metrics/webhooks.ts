import { Counter, Gauge } from 'prom-client';
import { countsOf, type In } from './values';

/** Results of an attempt to deliver a message: `failed` was the last attempt, and `retried` is followed by another. */
const RESULTS = ['delivered', 'retried', 'failed'] as const;

/** Creates the series for webhook messages. */
export function webhookSeries({ registers }: In) {
  const attempts = new Counter({
    name: 'mir_webhook_attempts_total',
    help: 'Attempts to deliver a webhook message, by result: delivered, retried (another attempt follows) or failed (the last attempt).',
    labelNames: ['result'],
    registers,
  });
  return {
    webhookAttempts: countsOf(attempts, RESULTS),
    webhooksFailing: new Gauge({
      name: 'mir_webhooks_failing',
      help: 'Enabled webhook endpoints at which every attempt has failed for at least 15 minutes, counted up to 10000. Each worker refreshes this gauge every 5 s and stops exporting it after 30 s of failed reads.',
      registers,
    }),
    webhooksDisabled: new Gauge({
      name: 'mir_webhooks_disabled',
      help: 'Disabled webhook endpoints, counted up to 10000. Each worker refreshes this gauge every 5 s and stops exporting it after 30 s of failed reads.',
      registers,
    }),
    receiverOldestSeconds: new Gauge({
      name: 'mir_receiver_oldest_unacknowledged_seconds',
      help: 'Age of the oldest push that a receiver has not acknowledged, and that MIR still attempts; 0 if there is none. Each worker refreshes this gauge every 5 s and stops exporting it after 30 s of failed reads.',
      registers,
    }),
  };
}
