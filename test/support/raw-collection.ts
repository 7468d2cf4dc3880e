import type { mongo } from 'mongoose';

/** A document with any fields. */
export interface RawDoc {
  _id: string;
  [field: string]: unknown;
}

/** Returns a model's untyped collection, for writing documents that MIR itself never writes. */
export function rawCollection({ collection }: { collection: unknown }): mongo.Collection<RawDoc> {
  return collection as mongo.Collection<RawDoc>;
}
