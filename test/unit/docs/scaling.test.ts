import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../../shared/project';
import { shardCommands, shardedCollections } from '../../../shared/store/shard-keys';

const text = readFileSync(path.join(projectRoot(), 'deploy/docs/scaling.md'), 'utf8');
const linesWith = (part: string): string[] => text.split('\n').filter((line) => line.startsWith(part));

describe('scaling.md', () => {
  it('contains the commands that shard MIR’s collections, and no others', () => {
    const commands = shardedCollections().flatMap((one) => shardCommands('mir', one));
    const documented = [...linesWith('db.getSiblingDB('), ...linesWith('sh.shardCollection(')];
    expect(documented.toSorted()).toEqual(commands.toSorted());
  });

  it('defines zones for all collections that are sharded by tenant', () => {
    const zones = [...text.matchAll(/\["(\w+)", "(tenant|chain)"\]/g)].map(([, name, field]) => `${name} ${field}`);
    const byTenant = shardedCollections().flatMap(({ collection, key }) => {
      const field = Object.keys(key).join(',');
      return field === '_id' ? [] : [`${collection} ${field}`];
    });
    expect(zones.toSorted()).toEqual(byTenant.toSorted());
  });
});
