import { describe, expect, it } from '@jest/globals';
import { compareShardKeys } from '../../../../api/admin/health/check-sharding';
import { shardedCollections } from '../../../../shared/store/shard-keys';
import { type ConfigCollection, shardKeysIn } from '../../../../shared/store/sharding-facts';

/** Rows of `config.collections`, written after MongoDB's documentation of it, because no mongos runs here. */
const ROWS: ConfigCollection[] = shardedCollections().map(({ collection, key }) => ({ _id: `mir.${collection}`, key }));
const others = (...collections: string[]) => ROWS.filter(({ _id }) => !collections.includes(_id.slice('mir.'.length)));
const verdicts = (rows: ConfigCollection[]) => compareShardKeys('mir', shardKeysIn('mir', rows));

describe('compareShardKeys', () => {
  it('accepts the declared keys, and a tenant key that was refined by _id', () => {
    expect(verdicts(ROWS)).toMatchObject([{ verdict: 'OK' }]);
    const refined = { _id: 'mir.events', key: { tenant: 1, _id: 1 } };
    expect(verdicts([...others('events'), refined])).toMatchObject([{ verdict: 'OK' }]);
  });

  it('warns of collections that are not sharded, with the commands that shard them', () => {
    const [finding, ...more] = verdicts(others('users', 'audit'));
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ verdict: 'WARN', found: expect.stringContaining('users, audit') });
    expect(finding!.remedy).toBe(
      'in mongosh: db.getSiblingDB("mir").users.createIndex({ tenant: 1 }); ' +
        'sh.shardCollection("mir.users", { tenant: 1 }); sh.shardCollection("mir.audit", { chain: 1 })',
    );
  });

  it.each([
    ['another database', { _id: 'mir2.users', key: { tenant: 1 } }],
    ['a dropped collection', { _id: 'mir.users', key: { tenant: 1 }, dropped: true }],
    ['a collection that is tracked but not sharded', { _id: 'mir.users', key: { tenant: 1 }, unsplittable: true }],
  ])('does not count %s', (_, row) => {
    expect(verdicts([...others('users'), row])).toMatchObject([{ verdict: 'WARN' }]);
  });

  it.each([{ _id: 'hashed' }, { tenant: 'hashed' }, { tenant: 1, userRef: 1 }])(
    'fails if the key of events is %j',
    (key) => {
      expect(verdicts([...others('events'), { _id: 'mir.events', key }])).toMatchObject([
        { verdict: 'FAIL', remedy: expect.stringContaining('sh.reshardCollection("mir.events", {tenant: 1})') },
      ]);
    },
  );

  it('warns of a sharded collection that MIR reads without a shard key', () => {
    expect(verdicts([...ROWS, { _id: 'mir.partners', key: { _id: 1 } }])).toMatchObject([
      { verdict: 'WARN', found: expect.stringContaining('partners') },
    ]);
  });

  it('warns if the keys cannot be read', () => {
    expect(compareShardKeys('mir', null)).toMatchObject([{ verdict: 'WARN' }]);
  });
});
