import { Presets, SingleBar } from 'cli-progress';

const PLAIN_LINE_EVERY_PERCENT = 20;

export interface Progress {
  add(count: number): void;
  stop(): void;
}

/** Shows a progress bar on a terminal. If the output is a file or pipe, prints a line for every 20% instead. */
export function showProgress(label: string, total: number, out: NodeJS.WriteStream = process.stdout): Progress {
  return out.isTTY ? bar(label, total, out) : lines(label, total, out);
}

function bar(label: string, total: number, stream: NodeJS.WriteStream): Progress {
  const format = `${label.padEnd(10)} {bar} {percentage}%  {value}/{total}  {duration_formatted}`;
  const shown = new SingleBar({ format, hideCursor: true, stream }, Presets.shades_classic);
  shown.start(total, 0);
  return { add: (count) => shown.increment(count), stop: () => shown.stop() };
}

function lines(label: string, total: number, out: NodeJS.WriteStream): Progress {
  let done = 0;
  let shown = 0;
  return {
    add: (count) => {
      done += count;
      const percent = Math.floor((done / total) * 100);
      if (percent < shown + PLAIN_LINE_EVERY_PERCENT) return;
      shown = percent - (percent % PLAIN_LINE_EVERY_PERCENT);
      out.write(`${label}: ${percent}% (${done} of ${total})\n`);
    },
    stop: () => undefined,
  };
}
