import { stopTestStores } from './global-setup';

/** Ends the stores of the run. */
export default async function globalTeardown(): Promise<void> {
  await stopTestStores();
}
