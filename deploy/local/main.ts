import { join } from 'node:path';
import { messageOf } from '../../shared/errors';
import { projectRoot } from '../../shared/project';
import { runStack } from './stack';
import { listenForStop } from './stop-signals';

const dist = join(projectRoot(), 'dist');

void runStack({
  env: process.env,
  programs: {
    api: join(dist, 'api', 'main.js'),
    worker: join(dist, 'workers', 'main.js'),
    cli: join(dist, 'deploy', 'cli', 'main.js'),
  },
  signals: listenForStop(),
  print: (text) => console.log(text),
  color: process.stdout.isTTY && !process.env['NO_COLOR'],
})
  .catch((error: unknown) => {
    console.error(messageOf(error));
    return 1;
  })
  .then((code) => process.exit(code));
