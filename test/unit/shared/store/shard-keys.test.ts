import { describe, expect, it } from '@jest/globals';
import { createConnection, type IndexOptions } from 'mongoose';
import { SHARD_KEYS, shardedCollections } from '../../../../shared/store/shard-keys';
import { createStore } from '../../../../shared/store/store';

const connection = createConnection();
createStore(connection);
const schemaIndexes = new Map(
  Object.values(connection.models).map(({ collection, schema }) => [
    collection.collectionName,
    schema.indexes() as [Record<string, unknown>, IndexOptions][],
  ]),
);
const indexesOf = (collection: string) => schemaIndexes.get(collection)!;

/** Collections without a schema. */
const WITHOUT_MODEL = ['meta'];

function startsWith(index: Record<string, unknown>, key: object): boolean {
  const wanted = Object.entries(key);
  return Object.entries(index)
    .slice(0, wanted.length)
    .every(([field, direction], n) => field === wanted[n]![0] && direction === wanted[n]![1]);
}

describe('SHARD_KEYS', () => {
  it('lists every collection of the store, and no other', () => {
    const collections = [...schemaIndexes.keys(), ...WITHOUT_MODEL];
    expect(Object.keys(SHARD_KEYS).toSorted()).toEqual(collections.toSorted());
  });

  it.each(shardedCollections())(
    '$collection has an index that starts with its key',
    ({ collection, key, ownIndex }) => {
      const usable = indexesOf(collection).filter(
        ([fields, { partialFilterExpression, sparse }]) =>
          !partialFilterExpression && !sparse && startsWith(fields, key),
      );
      // MongoDB indexes `_id` by itself.
      const isIndexed = usable.length > 0 || Object.keys(key).join(',') === '_id';
      expect({ isIndexed, ownIndex }).toEqual({ isIndexed, ownIndex: !isIndexed });
    },
  );

  it.each(shardedCollections())('every unique index of $collection starts with its key', ({ collection, key }) => {
    const unique = indexesOf(collection).filter(([, options]) => options.unique);
    expect(unique.filter(([fields]) => !startsWith(fields, key))).toEqual([]);
  });
});
