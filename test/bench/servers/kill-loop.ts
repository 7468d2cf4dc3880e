import mongoose from 'mongoose';

interface StartMessage {
  rootId: string;
}
const PAGE = 1_000;

/**
 * The baseline for the cascade benchmark: one process that uses only the driver and revokes 1,000 agents per
 * transaction, one transaction at a time.
 */
async function main(): Promise<void> {
  const client = await mongoose.mongo.MongoClient.connect(process.env['MONGO_URL']!, {
    writeConcern: { w: 'majority', journal: true },
    readConcern: { level: 'majority' },
  });
  const agents = client.db().collection<{ _id: string; ancestors: string; tenant: string }>('agents');
  const audit = client.db().collection<{ _id: string }>('audit');

  const revoke = async (rootId: string, page: { _id: string; tenant: string }[]): Promise<void> => {
    const session = client.startSession();
    const at = new Date();
    await session.withTransaction(
      async () => {
        const ids = page.map(({ _id }) => _id);
        await agents.updateMany(
          { _id: { $in: ids } },
          { $set: { status: 'REVOKED', key: null, updatedAt: at } },
          { session },
        );
        const entries = page.map(({ _id, tenant }) => ({
          _id: `loop_${_id}`,
          chain: tenant,
          partnerId: tenant.split(':')[0],
          action: 'agent.revoked',
          target: _id,
          actor: { kind: 'OPERATOR', via: 'CLI' },
          reason: null,
          requestId: 'loop',
          cascadeId: rootId,
          before: { status: 'ACTIVE' },
          after: { status: 'REVOKED' },
          at,
          sealed: false,
        }));
        await audit.insertMany(entries, { session });
      },
      { readConcern: { level: 'snapshot' }, writeConcern: { w: 'majority', journal: true } },
    );
    await session.endSession();
  };

  process.on('message', (message) => {
    const { rootId } = message as StartMessage;
    void (async () => {
      const startedAt = performance.now();
      let page: { _id: string; tenant: string }[] = [];
      for await (const row of agents.find(
        { $or: [{ _id: rootId }, { ancestors: rootId }] },
        { projection: { tenant: 1 }, batchSize: PAGE },
      )) {
        page.push(row);
        if (page.length < PAGE) continue;
        await revoke(rootId, page);
        page = [];
      }
      if (page.length > 0) await revoke(rootId, page);
      process.send?.({ type: 'done', ms: performance.now() - startedAt });
    })();
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ type: 'ready', port: 0 });
}

void main();
