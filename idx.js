const { setStage } = require('./dist/test/bench/stage.js');
const { growTree } = require('./dist/test/support/grow-tree.js');
const { tenantOf } = require('./dist/shared/domain/ids.js');
(async () => {
  const s = await setStage();
  const { store, partner } = { store: s.ctx.store, partner: s.partner };
  const tenant = tenantOf(partner.partnerId, 'live');
  const n = Number(process.argv[2] ?? 20000);
  const c = store.agents.model.collection;
  const audit = store.audit.model.collection;
  const run = async (name, inFlight, page, pathRange) => {
    const t0 = performance.now();
    const tree = await growTree(store, tenant, n);
    const grow = performance.now() - t0;
    const root = tree[0];
    const t = performance.now();
    const filter = pathRange
      ? {
          tenant,
          path: { $gte: root.path, $lt: root.path + '0' },
          status: { $in: ['ACTIVE', 'SUSPENDED', 'PENDING_APPROVAL'] },
        }
      : { ancestors: root.agentId, status: { $in: ['ACTIVE', 'SUSPENDED', 'PENDING_APPROVAL'] } };
    const rows = c.find(filter, { projection: { status: 1 }, batchSize: page });
    const running = new Set();
    const one = async (ids) =>
      store.transaction(async (session) => {
        const at = new Date();
        await c.updateMany(
          { _id: { $in: ids }, status: 'ACTIVE' },
          { $set: { status: 'REVOKED', key: null, updatedAt: at } },
          { session },
        );
        await audit.insertMany(
          ids.map((_id) => ({
            _id: `aud_x_${_id}`,
            chain: tenant,
            partnerId: partner.partnerId,
            action: 'agent.revoked',
            target: _id,
            actor: { kind: 'OPERATOR', via: 'CLI' },
            reason: null,
            requestId: 'x',
            cascadeId: 'csc_x',
            before: { status: 'ACTIVE' },
            after: { status: 'REVOKED' },
            at,
            sealed: false,
          })),
          { session },
        );
      }, 60000);
    let ids = [];
    let first = 0;
    const start = async () => {
      const w = one(ids).finally(() => running.delete(w));
      ids = [];
      running.add(w);
      if (running.size >= inFlight) await Promise.race(running);
    };
    for await (const r of rows) {
      if (!first) first = performance.now() - t;
      ids.push(r._id);
      if (ids.length === page) await start();
    }
    if (ids.length) await start();
    await Promise.all(running);
    const ms = performance.now() - t;
    const t2 = performance.now();
    for await (const _ of c.find(filter, { projection: { status: 1 }, batchSize: page }));
    console.log(
      name.padEnd(24),
      'inFlight',
      inFlight,
      'page',
      page,
      ((n / ms) * 1000).toFixed(0),
      'agents/s; grow',
      ((n / grow) * 1000).toFixed(0),
      '/s; first row',
      first.toFixed(0),
      'ms; clean pass',
      (performance.now() - t2).toFixed(0),
      'ms',
    );
    await c.deleteMany({});
    await audit.deleteMany({});
  };
  for (const f of [1, 2]) await run('ancestors+status', f, 1000, false);
  await c.dropIndex('ancestors_1_status_1');
  await c.dropIndex('tenant_1_path_1');
  await c.createIndex({ tenant: 1, path: 1, status: 1 });
  for (const f of [1, 2, 3]) await run('tenant,path,status', f, 1000, true);
  await run('tenant,path,status', 2, 500, true);
  await run('tenant,path,status', 2, 2000, true);
  await c.createIndex({ ancestors: 1, status: 1 });
  for (const f of [1, 2]) await run('ancestors+status again', f, 1000, false);
  await s.close();
  process.exit(0);
})().catch((e) => {
  console.error(e);
  process.exit(1);
});
