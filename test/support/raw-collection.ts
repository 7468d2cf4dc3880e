import type { mongo } from 'mongoose';

/** A document with any fields. */
export interface RawDoc {
  _id: string;
  [field: string]: unknown;
}

/** Returns the untyped collection of a model, to write documents that MIR itself never writes. */
export function rawCollection({ collection }: { collection: unknown }): mongo.Collection<RawDoc> {
  return collection as mongo.Collection<RawDoc>;
}
