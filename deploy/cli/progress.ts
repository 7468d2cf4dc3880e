import { Presets, SingleBar } from 'cli-progress';
import type { Shell } from './shell';

export interface Progress {
  at: (done: number, total: number) => void;
  stop: () => void;
}

/** Shows a progress bar on a terminal. Otherwise, prints a line such as `3 of 7 <done>` to stderr after each change. */
export function showProgress(shell: Shell, done: string): Progress {
  return shell.terminal ? bar(shell.terminal.screen) : lines(shell, done);
}

function bar(stream: NodeJS.WritableStream): Progress {
  const format = '{bar} {percentage}%  {value}/{total}  {duration_formatted}';
  const shown = new SingleBar({ format, hideCursor: true, stream }, Presets.shades_classic);
  let started = false;
  return {
    at: (done, total) => {
      if (!started) shown.start(total, 0);
      started = true;
      shown.setTotal(total);
      shown.update(done);
    },
    stop: () => shown.stop(),
  };
}

function lines({ err }: Shell, what: string): Progress {
  let last = '';
  return {
    at: (done, total) => {
      const line = `${done} of ${total} ${what}\n`;
      if (line !== last) err(line);
      last = line;
    },
    stop: () => undefined,
  };
}
