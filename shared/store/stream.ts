import type { Model, mongo } from 'mongoose';

/**
 * Rows of the primary as a stream. It is the driver's own cursor: mongoose's is not closed on the server when its
 * reader leaves early.
 */
export function streamOf<Row>(
  { collection }: Pick<Model<never>, 'collection'>,
  filter: mongo.Filter<mongo.BSON.Document>,
  options: {
    projection?: Record<string, 1>;
    sort?: Record<string, 1 | -1>;
    hint?: Record<string, 1 | -1>;
    limit?: number;
    batchSize: number;
  },
): AsyncIterable<Row> {
  return collection.find(filter, { ...options, readPreference: 'primary' }) as unknown as AsyncIterable<Row>;
}
