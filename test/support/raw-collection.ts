import type { mongo } from 'mongoose';

/** A document of any shape. */
export interface RawDoc {
  _id: string;
  [field: string]: unknown;
}

/** The driver's collection of a model, untyped: for writing what MIR itself never writes. */
export function rawCollection({ collection }: { collection: unknown }): mongo.Collection<RawDoc> {
  return collection as mongo.Collection<RawDoc>;
}
