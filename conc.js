const { setStage } = require('./dist/test/bench/stage.js');
const { growTree } = require('./dist/test/support/grow-tree.js');
const { tenantOf } = require('./dist/shared/domain/ids.js');
const { parseApiKey } = require('./dist/shared/domain/api-key.js');
const { authorityStore } = require('./dist/shared/store/read-authority.js');
(async () => {
  const s = await setStage();
  const tenant = tenantOf(s.partner.partnerId, 'live');
  const n = Number(process.argv[2] ?? 10000);
  const tree = await growTree(s.ctx.store, tenant, n);
  const a = authorityStore(s.ctx.store);
  for (const conc of [1, 8, 32, 96]) {
    let next = 0;
    let max = 0;
    const N = 600;
    const t = performance.now();
    await Promise.all(
      Array.from({ length: conc }, async () => {
        while (next < N) {
          const i = next++;
          const t1 = performance.now();
          const k = await a.key(parseApiKey(tree[(i * 13) % n].key).hash, true);
          await a.nodes(k.path);
          max = Math.max(max, performance.now() - t1);
        }
      }),
    );
    console.log(conc, ((N / (performance.now() - t)) * 1000).toFixed(0), 'loads/s, slowest', max.toFixed(0));
  }
  await s.close();
  process.exit(0);
})().catch((e) => {
  console.error(e);
  process.exit(1);
});
