import type { IndexOptions, Model, mongo } from 'mongoose';

/** What of the schemas' indexes a database lacks, or has otherwise. */
export interface IndexStep {
  collection: string;
  /** Its fields, as `tenant:1 receivedAt:-1`; for a collection: empty. */
  fields: string;
  /** EXTRA: not in the schema, so the operator's own; it is told of and left alone. */
  kind: 'COLLECTION_MISSING' | 'MISSING' | 'DIFFERENT' | 'EXTRA';
  /** What the step cannot do for documents that exist already. */
  note?: string;
}

/** Notes on indexes that came with a later version, by collection and fields. */
const NOTES: Readonly<Record<string, string>> = {
  'agents(revokedKeyRef:1)':
    'agents revoked before, or by a process of an earlier version, have lost their key hash, which cannot be recovered: ' +
    'their keys stay 401 API_KEY_INVALID instead of AGENT_KEY_REVOKED',
};

// What is asked of a model here does not depend on its documents.
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyModel = Model<any>;
type KeyDirections = Record<string, unknown>;

const fieldsOf = (key: KeyDirections): string =>
  Object.entries(key)
    .map(([field, direction]) => `${field}:${String(direction)}`)
    .join(' ');

/** Indexes that a collection has; null: there is no such collection. */
async function existing({ collection }: AnyModel): Promise<mongo.IndexDescriptionInfo[] | null> {
  const known = await collection.conn.db!.listCollections({ name: collection.name }, { nameOnly: true }).toArray();
  return known.length === 0 ? null : collection.listIndexes().toArray();
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
      .filter((fields) => !created.includes(fields))
      .map((fields): IndexStep => ({ collection, fields, kind: 'EXTRA' })),
  ];
}

/** Compares the database with the schemas, collection by collection. Changes nothing. */
export async function planIndexes(models: readonly AnyModel[]): Promise<IndexStep[]> {
  const steps: IndexStep[] = [];
  for (const model of models) steps.push(...(await stepsOf(model)));
  return steps;
}

/** Steps that must be done before this version runs. */
export const pendingSteps = (steps: readonly IndexStep[]): IndexStep[] => steps.filter(({ kind }) => kind !== 'EXTRA');

/** Says a step in words. */
export function stepText({ collection, fields, kind, note }: IndexStep): string {
  const index = `${collection}(${fields})`;
  const texts: Record<IndexStep['kind'], string> = {
    COLLECTION_MISSING: `create the collection ${collection}`,
    MISSING: `build ${index}`,
    DIFFERENT: `drop and rebuild ${index}: its options differ`,
    EXTRA: `${index} is not MIR's and is left alone`,
  };
  return note === undefined ? texts[kind] : `${texts[kind]}: ${note}`;
}

/** Does one step. Repeating it is harmless. */
export async function applyIndexStep(models: readonly AnyModel[], step: IndexStep): Promise<void> {
  const model = models.find(({ collection }) => collection.collectionName === step.collection);
  if (!model || step.kind === 'EXTRA') return;
  if (step.kind === 'COLLECTION_MISSING') {
    await model.createCollection();
    return;
  }
  const definitions = model.schema.indexes() as [KeyDirections, IndexOptions][];
  const [key, { background: _background, ...options }] = definitions.find(([one]) => fieldsOf(one) === step.fields)!;
  if (step.kind === 'DIFFERENT') {
    const old = (await existing(model))?.find((one) => fieldsOf(one.key) === step.fields);
    if (old?.name !== undefined) await model.collection.dropIndex(old.name);
  }
  await model.collection.createIndex(key as mongo.IndexSpecification, options as mongo.CreateIndexesOptions);
}
