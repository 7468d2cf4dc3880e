import type { mongo } from 'mongoose';
import { SHARD_KEYS } from '../../shared/store/shard-keys';
import type { SentCommand } from './scripted-mongos';

type Document = mongo.BSON.Document;

/** Returns the documents or filters by which a mongos chooses the shards of a command, or null for other commands. */
function targetsOf({ name, command }: SentCommand): Document[] | null {
  const statements = (field: string): Document[] => command[field] as Document[];
  switch (name) {
    case 'find':
      return [command['filter'] ?? {}];
    case 'findAndModify':
      return [command['query'] ?? {}];
    case 'aggregate':
      return [command['pipeline'][0]?.$match ?? {}];
    case 'insert':
      return statements('documents');
    case 'update':
      return statements('updates').map(({ q }) => q as Document);
    case 'delete':
      return statements('deletes').map(({ q }) => q as Document);
    default:
      return null;
  }
}

/** Returns whether a condition names values, so that a mongos can compute their shards. */
function namesValues(condition: unknown): boolean {
  if (condition === undefined || condition === null) return false;
  if (typeof condition !== 'object') return true;
  return Object.keys(condition).every((operator) => operator === '$eq' || operator === '$in');
}

/** A command to a sharded collection, with the fields that its documents or filters have in common. */
export interface Targeted {
  /** Such as `update users _id,tenant`. */
  shape: string;
  /** Whether each document or filter contains the shard key. */
  isRouted: boolean;
}

/** Returns how a mongos would target the commands to sharded collections. */
export function targetedCommands(sent: readonly SentCommand[]): Targeted[] {
  return sent.flatMap((one) => {
    const targets = targetsOf(one);
    const collection = String(one.command[one.name]);
    const key = Object.entries(SHARD_KEYS).find(([name]) => name === collection)?.[1].key;
    if (!targets || !key) return [];
    const isRouted = targets.every((target) => Object.keys(key).every((field) => namesValues(target[field])));
    const fields = one.name === 'insert' ? '' : ` ${Object.keys(targets[0]!).toSorted().join(',')}`;
    return [{ shape: `${one.name} ${collection}${fields}`, isRouted }];
  });
}
