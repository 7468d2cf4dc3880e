import { projectRoot } from '../../shared/project';
import { findCycles, findForbiddenImports, layerOf, readFolderGraph } from './folder-graph';
import { LAYERS } from './layers';

/** Prints the product's folders and their imports, grouped by layer, followed by all cycles and forbidden imports. */
const graph = readFolderGraph(projectRoot());
const cycles = findCycles(graph);
const forbidden = findForbiddenImports(graph);

LAYERS.forEach(({ name }, layer) => {
  console.log(`\n${layer}. ${name}`);
  for (const node of graph.nodes.filter((one) => layerOf(one) === layer)) {
    const targets = new Set(graph.imports.filter(({ from }) => from === node).map(({ to }) => to));
    console.log(`   ${node}${targets.size > 0 ? ` → ${[...targets].toSorted().join(', ')}` : ''}`);
  }
});
for (const cycle of cycles) console.log(`cycle: ${cycle.join(' → ')}`);
for (const { file, to } of forbidden) console.log(`forbidden: ${file} imports ${to}`);
console.log(`\n${graph.nodes.length} folders, ${cycles.length} cycles, ${forbidden.length} forbidden imports`);
process.exitCode = cycles.length + forbidden.length > 0 ? 1 : 0;
