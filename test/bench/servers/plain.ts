import express from 'express';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { submittedEventSchema } from '../../../shared/domain/event';

/** The baselines for the HTTP benchmarks, each implemented in the simplest idiomatic way. */
const app = express();
const redis = new Redis(process.env['REDIS_URL']!);
const batchSchema = z.strictObject({ events: z.array(submittedEventSchema) });

app.post('/bare', express.json(), (_req, res) => {
  res.json({ status: 'ACCEPTED' });
});
app.post('/parse-and-check', express.json({ limit: '5mb' }), (req, res) => {
  const { events } = batchSchema.parse(req.body);
  res.json({ accepted: events.length });
});
app.post('/redis-get', express.json(), (req, res, next) => {
  redis.get((req.body as { userExternalId: string }).userExternalId).then((text) => {
    res.json(text === null ? null : JSON.parse(text));
  }, next);
});

const server = app.listen(0, () => {
  const address = server.address();
  process.send?.({ type: 'ready', port: typeof address === 'object' && address ? address.port : 0 });
});
process.on('disconnect', () => process.exit(0));
