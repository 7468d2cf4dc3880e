import type { IndexOptions, Model, mongo } from 'mongoose';
import { shardedCollections } from './shard-keys';

/** A difference between a database's indexes and the indexes that the schemas define. */
export interface IndexStep {
  collection: string;
  /** The index's fields, such as `tenant:1 receivedAt:-1`. Empty for a missing collection. */
  fields: string;
  /** EXTRA is an index that no schema defines, such as an operator's own. MIR reports it but never drops it. */
  kind: 'COLLECTION_MISSING' | 'MISSING' | 'DIFFERENT' | 'EXTRA';
  /** A problem in existing documents that the step cannot fix. */
  note?: string;
}

/** Notes on indexes that later versions added, by collection and fields. */
const NOTES: Readonly<Record<string, string>> = {
  'agents(revokedKeyRef:1)':
    'the key hashes of agents that earlier versions revoked cannot be recovered, ' +
    'so their keys keep returning 401 API_KEY_INVALID instead of AGENT_KEY_REVOKED',
};

// Nothing in this file depends on a model's document type.
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyModel = Model<any>;
type KeyDirections = Record<string, unknown>;

const fieldsOf = (key: KeyDirections): string =>
  Object.entries(key)
    .map(([field, direction]) => `${field}:${String(direction)}`)
    .join(' ');

/** Returns the indexes of a collection, or null if the collection does not exist. */
async function existing({ collection }: AnyModel): Promise<mongo.IndexDescriptionInfo[] | null> {
  const known = await collection.conn.db!.listCollections({ name: collection.name }, { nameOnly: true }).toArray();
  return known.length === 0 ? null : collection.listIndexes().toArray();
}

/** Returns whether an index exists only because the collection is, or will be, sharded. */
function isShardKeyIndex(collection: string, fields: string): boolean {
  return shardedCollections().some(
    (one) => one.ownIndex && one.collection === collection && fieldsOf(one.key) === fields,
  );
}

async function stepsOf(model: AnyModel): Promise<IndexStep[]> {
  const { collectionName: collection } = model.collection;
  const present = await existing(model);
  const wanted = (model.schema.indexes() as [KeyDirections, IndexOptions][]).map(([key]) => fieldsOf(key));
  if (present === null) {
    const all = wanted.map((fields): IndexStep => ({ collection, fields, kind: 'MISSING' }));
    return [{ collection, fields: '', kind: 'COLLECTION_MISSING' }, ...all];
  }
  const { toDrop, toCreate } = await model.diffIndexes();
  const fieldsOfName = new Map(present.map(({ name, key }) => [name, fieldsOf(key)]));
  const dropped = toDrop.map((name) => fieldsOfName.get(name) ?? name);
  const created = toCreate.map((key) => fieldsOf(key));
  return [
    ...created.map((fields): IndexStep => {
      const note = NOTES[`${collection}(${fields})`];
      return {
        collection,
        fields,
        kind: dropped.includes(fields) ? 'DIFFERENT' : 'MISSING',
        ...(note ? { note } : {}),
      };
    }),
    ...dropped
      .filter((fields) => !created.includes(fields) && !isShardKeyIndex(collection, fields))
      .map((fields): IndexStep => ({ collection, fields, kind: 'EXTRA' })),
  ];
}

/** Returns the differences between the database and the schemas. Does not change anything. */
export async function planIndexes(models: readonly AnyModel[]): Promise<IndexStep[]> {
  const steps: IndexStep[] = [];
  for (const model of models) steps.push(...(await stepsOf(model)));
  return steps;
}

/** Returns the steps that must be applied before this version can run. */
export const pendingSteps = (steps: readonly IndexStep[]): IndexStep[] => steps.filter(({ kind }) => kind !== 'EXTRA');

/** Describes a step for operators. */
export function stepText({ collection, fields, kind, note }: IndexStep): string {
  const index = `index ${collection}(${fields})`;
  const texts: Record<IndexStep['kind'], string> = {
    COLLECTION_MISSING: `create collection ${collection}`,
    MISSING: `build ${index}`,
    DIFFERENT: `drop and rebuild ${index}, because its options differ`,
    EXTRA: `${index} is not part of MIR's schema and stays unchanged`,
  };
  return note === undefined ? texts[kind] : `${texts[kind]}: ${note}`;
}

/** Applies one step. Safe to repeat. */
export async function applyIndexStep(models: readonly AnyModel[], step: IndexStep): Promise<void> {
  const model = models.find(({ collection }) => collection.collectionName === step.collection);
  if (!model || step.kind === 'EXTRA') return;
  if (step.kind === 'COLLECTION_MISSING') {
    await model.createCollection();
    return;
  }
  const definitions = model.schema.indexes() as [KeyDirections, IndexOptions][];
  const [key, { background: _background, ...options }] = definitions.find(
    ([candidate]) => fieldsOf(candidate) === step.fields,
  )!;
  if (step.kind === 'DIFFERENT') {
    const old = (await existing(model))?.find(({ key: oldKey }) => fieldsOf(oldKey) === step.fields);
    if (old?.name !== undefined) await model.collection.dropIndex(old.name);
  }
  await model.collection.createIndex(key as mongo.IndexSpecification, options as mongo.CreateIndexesOptions);
}
