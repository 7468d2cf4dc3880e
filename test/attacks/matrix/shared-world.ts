import type { Harness } from '../../support/harness';
import { startHarnessForPeople } from '../../support/people';
import { shareHarness } from '../../support/shared-harness';
import { type NewResource, resourcesOf } from './resources';
import { newWorld, type World } from './world';

export interface MatrixWorld {
  mir: Harness;
  world: World;
  create: NewResource;
}

let building: Promise<MatrixWorld> | null = null;

async function build(): Promise<MatrixWorld> {
  const mir = await shareHarness('attack matrix', () => startHarnessForPeople());
  const world = await newWorld(mir);
  await mir.drained();
  // From here on, only requests change anything.
  await mir.stopWorkers();
  const create = resourcesOf(mir);
  // The list of dead letters needs a second page.
  await create('deadLetter', world.live);
  await create('deadLetter', world.live);
  return { mir, world, create };
}

/** Returns the world that the tests of this folder share. No worker runs. Creates it on the first call. */
export function matrixWorld(): Promise<MatrixWorld> {
  return (building ??= build());
}
