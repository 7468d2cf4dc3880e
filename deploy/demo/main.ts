import { join } from 'node:path';
import { messageOf } from '../../shared/errors';
import { projectRoot } from '../../shared/project';
import { runDemo } from './run-demo';
import { readOptions, usage } from './options';

const CLI = join(projectRoot(), 'dist', 'deploy', 'cli', 'main.js');

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2), process.env);
  if (!options) {
    console.log(usage());
    return 0;
  }
  return runDemo(options, CLI, (line) => console.log(line));
}

void main()
  .catch((error: unknown) => {
    console.error(messageOf(error));
    return 1;
  })
  .then((code) => process.exit(code));
