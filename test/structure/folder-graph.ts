import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { LAYERS, SEPARATE } from './layers';

const PRODUCT = ['api', 'workers', 'shared', 'deploy'];
const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*'(\.{1,2}\/[^'\n]+)'/g;

export interface FolderImport {
  from: string;
  to: string;
  file: string;
}

/**
 * The product's folders and their imports. Each folder is one node. If a folder has subfolders, each file directly in
 * the folder is a separate node, because these files can belong to different layers.
 */
export interface FolderGraph {
  nodes: string[];
  imports: FolderImport[];
}

function sourceFiles(root: string): string[] {
  return PRODUCT.flatMap((top) =>
    readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.tsx?$/.test(file))
      .map((file) => join(top, file)),
  );
}

/** Builds the graph of the source files under `root`. Type-only imports count as imports. */
export function readFolderGraph(root: string): FolderGraph {
  const files = new Set(sourceFiles(root));
  const folders = new Set([...files].map((file) => dirname(file)));
  const hasSubfolders = (folder: string): boolean => [...folders].some((other) => other.startsWith(`${folder}/`));
  const nodeOf = (file: string): string => (hasSubfolders(dirname(file)) ? file : dirname(file));

  const imports: FolderImport[] = [];
  for (const file of files) {
    for (const [, specifier] of readFileSync(join(root, file), 'utf8').matchAll(IMPORT)) {
      const path = normalize(join(dirname(file), specifier!));
      const imported = [`${path}.ts`, `${path}.tsx`].find((candidate) => files.has(candidate));
      if (imported === undefined) continue;
      const [from, to] = [nodeOf(file), nodeOf(imported)];
      if (from !== to) imports.push({ from, to, file });
    }
  }
  return { nodes: [...new Set([...files].map(nodeOf))].toSorted(), imports };
}

/** Returns each cycle as a path that starts and ends with the same node. */
export function findCycles({ nodes, imports }: FolderGraph): string[][] {
  const targets = new Map(nodes.map((node) => [node, new Set<string>()]));
  for (const { from, to } of imports) targets.get(from)!.add(to);
  const cycles: string[][] = [];
  const done = new Set<string>();
  const visit = (node: string, path: string[]): void => {
    const at = path.indexOf(node);
    if (at !== -1) {
      cycles.push([...path.slice(at), node]);
      return;
    }
    if (done.has(node)) return;
    for (const target of targets.get(node)!) visit(target, [...path, node]);
    done.add(node);
  };
  for (const node of nodes) visit(node, []);
  return cycles;
}

function matches(pattern: string, node: string): boolean {
  if (pattern.endsWith('/**')) return node.startsWith(pattern.slice(0, -2));
  if (pattern.endsWith('/*')) return dirname(node) === pattern.slice(0, -2) && !/\.tsx?$/.test(node);
  return node === pattern;
}

/** Returns the index of the node's layer in `LAYERS`, or -1 if no layer contains it. */
export function layerOf(node: string): number {
  return LAYERS.findIndex(({ folders }) => folders.some((pattern) => matches(pattern, node)));
}

/** Returns imports from higher layers, and imports between the folders of each pair in `SEPARATE`. */
export function findForbiddenImports({ imports }: FolderGraph): FolderImport[] {
  const isIn = (folder: string, node: string): boolean => node === folder || node.startsWith(`${folder}/`);
  const areSeparate = (from: string, to: string): boolean =>
    SEPARATE.some(([one, other]) => (isIn(one, from) && isIn(other, to)) || (isIn(other, from) && isIn(one, to)));
  return imports.filter(({ from, to }) => layerOf(to) > layerOf(from) || areSeparate(from, to));
}
