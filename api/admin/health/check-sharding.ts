import { shardCommands, SHARD_KEYS, shardedCollections } from '../../../shared/store/shard-keys';
import type { ShardKeysFound } from '../../../shared/store/sharding-facts';
import { type Finding, fail, ok, warn } from './finding';

const CHECK = 'sharding';

/** Describes a key as `{tenant: 1}`. */
const textOf = (key: object): string =>
  `{${Object.entries(key)
    .map(([field, direction]) => `${field}: ${String(direction)}`)
    .join(', ')}}`;

/** Returns whether MIR's commands find their shard with this key: the declared one, or its refinement by `_id`. */
function isUsable(found: object, declared: object): boolean {
  return [textOf(declared), textOf({ ...declared, _id: 1 })].includes(textOf(found));
}

/** Compares the shard keys of a database with those that MIR requires. `found` is null if they cannot be read. */
export function compareShardKeys(database: string, found: ShardKeysFound | null): Finding[] {
  if (found === null) {
    const remedy = 'give MIR’s MongoDB user the role `read` on the database `config`, or compare with sh.status()';
    return [warn(CHECK, 'MIR may not read config.collections, so the shard keys are not checked', remedy)];
  }
  const findings: Finding[] = [];
  const declared = shardedCollections();
  const missing = declared.filter(({ collection }) => !found.has(collection));
  if (missing.length > 0) {
    const names = missing.map(({ collection }) => collection).join(', ');
    const commands = missing.flatMap((one) => shardCommands(database, one)).join('; ');
    findings.push(warn(CHECK, `not sharded, so the primary shard holds all of: ${names}`, `in mongosh: ${commands}`));
  }
  for (const { collection, key } of declared) {
    const actual = found.get(collection);
    if (!actual || isUsable(actual, key)) continue;
    const text = `${collection} is sharded by ${textOf(actual)} instead of ${textOf(key)}, so repeated events may be stored twice, and commands go to every shard`;
    findings.push(fail(CHECK, text, `in mongosh: sh.reshardCollection("${database}.${collection}", ${textOf(key)})`));
  }
  const surplus = [...found.keys()].filter(
    (name) => name in SHARD_KEYS && !declared.some((one) => one.collection === name),
  );
  if (surplus.length > 0) {
    const text = `sharded, although MIR’s commands do not contain a shard key: ${surplus.join(', ')}`;
    findings.push(warn(CHECK, text, 'run sh.unshardCollection() (MongoDB 8), or leave them on one shard with a zone'));
  }
  if (findings.length > 0) return findings;
  return [ok(CHECK, `${declared.length} collections are sharded by the keys that MIR requires`)];
}
