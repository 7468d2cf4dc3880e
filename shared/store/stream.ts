import type { Model, mongo } from 'mongoose';

/**
 * Streams rows from the primary. Uses the driver's cursor, because mongoose's cursor stays open on the server if the
 * reader stops early.
 */
export function streamOf<Row>(
  { collection }: Pick<Model<never>, 'collection'>,
  filter: mongo.Filter<mongo.BSON.Document>,
  options: {
    projection?: Record<string, 1>;
    sort?: Record<string, 1 | -1>;
    hint?: Record<string, 1 | -1>;
    limit?: number;
    maxTimeMS?: number;
    batchSize: number;
  },
): AsyncIterable<Row> {
  return collection.find(filter, { ...options, readPreference: 'primary' }) as unknown as AsyncIterable<Row>;
}
