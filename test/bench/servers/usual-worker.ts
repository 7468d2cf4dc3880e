import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import mongoose from 'mongoose';

/** A worker as shown in tutorials, with one job, one Mongoose document, one counter and one cache entry per event. */
const CONCURRENCY = 32;
const usual = new mongoose.Schema({
  _id: String,
  tenant: String,
  userRef: { type: String, index: true },
  eventType: { type: String, index: true },
  occurredAt: Date,
  receivedAt: { type: Date, index: true },
  weight: Number,
  metadata: mongoose.Schema.Types.Mixed,
});

async function main(): Promise<void> {
  await mongoose.connect(process.env['MONGO_URL']!, { writeConcern: { w: 'majority', journal: true } });
  const Event = mongoose.model('UsualEvent', usual);
  const User = mongoose.model('UsualUser', new mongoose.Schema({ _id: String, eventCount: Number, lastEventAt: Date }));
  await Event.init();
  const redis = new Redis(process.env['REDIS_URL']!);
  const worker = new Worker(
    'usual',
    async (job) => {
      const event = job.data as { userRef: string; occurredAt: number };
      await Event.create(event);
      await User.updateOne(
        { _id: event.userRef },
        { $inc: { eventCount: 1 }, $max: { lastEventAt: new Date(event.occurredAt) } },
        { upsert: true },
      );
      const user = await User.findById(event.userRef);
      await redis.set(`usual:${event.userRef}`, JSON.stringify(user));
    },
    { connection: new Redis(process.env['REDIS_URL']!, { maxRetriesPerRequest: null }), concurrency: CONCURRENCY },
  );
  await worker.waitUntilReady();
  process.on('disconnect', () => process.exit(0));
  process.send?.({ type: 'ready', port: 0 });
}

void main();
