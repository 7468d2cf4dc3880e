const { setStage } = require('./dist/test/bench/stage.js');
const { growTree } = require('./dist/test/support/grow-tree.js');
const { tenantOf } = require('./dist/shared/domain/ids.js');
const { parseApiKey } = require('./dist/shared/domain/api-key.js');
(async () => {
  const s = await setStage();
  const tenant = tenantOf(s.partner.partnerId, 'live');
  let t = performance.now();
  const n = Number(process.argv[2] ?? 10000);
  const tree = await growTree(s.ctx.store, tenant, n);
  console.log('grow', n, performance.now() - t);
  const c = s.ctx.store.agents.model.collection;
  const time = async (name, f) => {
    await f();
    const t = performance.now();
    for (let i = 0; i < 3; i++) await f();
    console.log(name, ((performance.now() - t) / 3).toFixed(1), 'ms');
  };
  const q = { 'key.hash': parseApiKey(tree[77].key).hash };
  console.log(JSON.stringify((await c.find(q).explain()).queryPlanner?.winningPlan ?? {}));
  await time('byKeyHash', () => c.findOne(q));
  await time('by _id', () => c.findOne({ _id: tree[77].agentId }));
  await time('byIds 8', () => s.ctx.store.agents.byIds(tree.slice(0, 8).map((x) => x.agentId)));
  const al = { ancestors: tree[0].agentId, status: { $in: ['ACTIVE', 'SUSPENDED', 'PENDING_APPROVAL'] } };
  console.log(JSON.stringify((await c.find(al).explain()).queryPlanner?.winningPlan ?? {}));
  await time('anyAlive', () => c.findOne(al, { projection: { _id: 1 } }));
  await time('countAlive', () => s.ctx.store.agents.countAlive(tree[0].agentId));
  await time('keys left', () => c.countDocuments({ ancestors: tree[0].agentId, 'key.hash': { $exists: true } }));
  await time('stream alive', async () => {
    let k = 0;
    for await (const _ of s.ctx.store.agents.descendantsAlive(tree[0].agentId, 1000)) k++;
  });
  const w = { tenant, path: { $gte: tree[0].path, $lt: tree[0].path + '0' } };
  console.log(JSON.stringify((await c.find(w).sort({ path: 1 }).explain()).queryPlanner?.winningPlan ?? {}));
  await time('first 50 by path', () => c.find(w).sort({ path: 1 }).limit(50).toArray());
  await time('walk first batch', async () => {
    for await (const _ of s.ctx.store.agents.walk(
      { tenant, rootPath: tree[0].path, afterPath: null, maxDepth: null },
      500,
    ))
      break;
  });
  await time('walk all', async () => {
    let k = 0;
    for await (const _ of s.ctx.store.agents.walk(
      { tenant, rootPath: tree[0].path, afterPath: null, maxDepth: null },
      500,
    ))
      k++;
  });
  await time('children', () => s.ctx.store.agents.children(tree[0].agentId, null, 51));
  await s.close();
  process.exit(0);
})().catch((e) => {
  console.error(e);
  process.exit(1);
});
