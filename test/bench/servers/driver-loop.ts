import mongoose from 'mongoose';

/** Events that the parent process asks the loop to store. Times are in ms. */
export interface LoopMessage {
  events: { _id: string; tenant: string; occurredAt: number; receivedAt: number; [field: string]: unknown }[];
  keepUsers: boolean;
}
const GROUP = 500;

/**
 * The baseline for the drain benchmark: one process that uses only the driver and stores 500 events per transaction,
 * one transaction at a time.
 */
async function main(): Promise<void> {
  const client = await mongoose.mongo.MongoClient.connect(process.env['MONGO_URL']!, {
    writeConcern: { w: 'majority', journal: true },
    readConcern: { level: 'majority' },
  });
  const db = client.db();
  const events = db.collection<{ _id: string; [field: string]: unknown }>('loop_events');
  const users = db.collection<{ _id: string }>('loop_users');
  for (const key of [{}, { userRef: 1 }, { eventType: 1 }]) {
    await events.createIndex({ tenant: 1, ...key, receivedAt: -1, _id: -1 });
  }

  const commit = async (group: { _id: string; [field: string]: unknown }[]): Promise<void> => {
    const session = client.startSession();
    await session.withTransaction(
      async () => {
        const ids = group.map((event) => event['_id']);
        const found = await events.find({ _id: { $in: ids } }, { session, projection: { _id: 1 } }).toArray();
        const known = new Set(found.map(({ _id }) => _id));
        const fresh = group.filter((event) => !known.has(event['_id']));
        await events.insertMany(fresh, { session });
        const counters = new Map<string, { count: number; first: Date; last: Date }>();
        for (const event of fresh) {
          const at = event['occurredAt'] as Date;
          const counter = counters.get(event['userRef'] as string);
          if (!counter) counters.set(event['userRef'] as string, { count: 1, first: at, last: at });
          else {
            counter.count += 1;
            if (at < counter.first) counter.first = at;
            if (at > counter.last) counter.last = at;
          }
        }
        const writes = [...counters].map(([_id, { count, first, last }]) => ({
          updateOne: {
            filter: { _id },
            update: { $inc: { eventCount: count }, $min: { firstEventAt: first }, $max: { lastEventAt: last } },
            upsert: true,
          },
        }));
        await users.bulkWrite(writes, { session, ordered: false });
      },
      { readConcern: { level: 'snapshot' }, writeConcern: { w: 'majority', journal: true } },
    );
    await session.endSession();
  };

  process.on('message', (message) => {
    const { events: sent, keepUsers } = message as LoopMessage;
    const all = sent.map((event) => ({
      ...event,
      occurredAt: new Date(event.occurredAt),
      receivedAt: new Date(event.receivedAt),
    }));
    const tenants = [...new Set(sent.map(({ tenant }) => tenant))];
    const firstMs = sent.reduce((first, { receivedAt }) => Math.min(first, receivedAt), Infinity);
    void (async () => {
      const startedAt = performance.now();
      for (let at = 0; at < all.length; at += GROUP) await commit(all.slice(at, at + GROUP));
      const ms = performance.now() - startedAt;
      await events.deleteMany({ tenant: { $in: tenants }, receivedAt: { $gte: new Date(firstMs) } });
      if (!keepUsers) await users.deleteMany({});
      process.send?.({ type: 'done', ms });
    })();
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ type: 'ready', port: 0 });
}

void main();
