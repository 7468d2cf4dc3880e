import { environment } from '../../shared/platform/config';
import { runCli } from './run';

void runCli(process.argv.slice(2), {
  env: environment(),
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
}).then((code) => {
  // What is written to a pipe must be out before the process ends.
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
});
