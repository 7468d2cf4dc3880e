import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../../shared/project';
import { findCycles, findForbiddenImports, layerOf, readFolderGraph } from '../../structure/folder-graph';
import { tempDirs } from '../../support/temp-dirs';

const { tempDir } = tempDirs();

/** Writes a source tree with these files. Each value lists the modules that the file imports. */
function writeProduct(files: Record<string, string[]>): string {
  const root = tempDir();
  for (const top of ['api', 'workers', 'shared', 'deploy']) mkdirSync(join(root, top));
  for (const [file, imports] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), imports.map((path) => `import type { A } from '${path}';\n`).join(''));
  }
  return root;
}

describe("the product's folder graph", () => {
  const graph = readFolderGraph(projectRoot());

  it('has more than 30 folders, each of which belongs to a layer', () => {
    expect(graph.nodes.length).toBeGreaterThan(30);
    expect(graph.nodes.filter((node) => layerOf(node) === -1)).toEqual([]);
  });

  it('has no import cycles', () => {
    expect(findCycles(graph)).toEqual([]);
  });

  it('has no imports from a higher layer', () => {
    expect(findForbiddenImports(graph)).toEqual([]);
  });
});

describe('readFolderGraph', () => {
  it('finds a cycle across folders that consists of type imports', () => {
    const root = writeProduct({
      'api/agents/a.ts': ['../audit/b'],
      'api/audit/b.ts': ['../http/c'],
      'api/http/c.ts': ['../agents/d'],
      'api/agents/d.ts': [],
    });
    expect(findCycles(readFolderGraph(root))).toEqual([['api/agents', 'api/audit', 'api/http', 'api/agents']]);
  });

  it('finds imports from a higher layer, from workers/ in api/, and from the portal in the console', () => {
    const root = writeProduct({
      'shared/domain/a.ts': ['../store/b'],
      'shared/store/b.ts': [],
      'api/http/c.ts': ['../../workers/events/d'],
      'workers/events/d.ts': [],
      'api/web/console/agents/e.ts': ['../../portal/f'],
      'api/web/portal/f.ts': [],
    });
    const forbidden = findForbiddenImports(readFolderGraph(root));
    expect(forbidden.map(({ file, to }) => [file, to])).toEqual([
      ['api/http/c.ts', 'workers/events'],
      ['api/web/console/agents/e.ts', 'api/web/portal'],
      ['shared/domain/a.ts', 'shared/store'],
    ]);
  });
});
