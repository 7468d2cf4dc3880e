import type { Command } from 'commander';
import { describe, expect, it } from '@jest/globals';
import { createProgram } from '../../../../deploy/cli/run';
import { cli } from '../../../support/cli';

const program = createProgram({ env: {}, out: () => undefined, err: () => undefined, terminal: null });

function pathsBelow(command: Command, path: string[] = []): string[][] {
  return [path, ...command.commands.flatMap((sub) => pathsBelow(sub, [...path, sub.name()]))];
}
const paths = pathsBelow(program);

/** The command lines that a help shows, continued lines joined. */
function examplesIn(help: string): string[] {
  const joined = help.replaceAll(/\\\n\s+/g, ' ');
  return [...joined.matchAll(/^ {2}mir ([^>|\n]+)/gm)].map(([, line]) => line!.trim());
}

const wordsOf = (line: string): string[] =>
  [...line.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word);

describe('the help', () => {
  it.each(paths.map((path) => [path.join(' '), path] as const))(
    'of `mir %s` has an example, and a leaf says what its exit codes mean',
    async (_name, words) => {
      const { code, out, err } = await cli({}, ...words, '--help');
      expect([code, err]).toEqual([0, '']);
      expect(examplesIn(out).length).toBeGreaterThan(0);
      expect(out.match(/Exit codes: /g)?.length ?? 0).toBe(out.includes('Commands:') && words.length > 0 ? 0 : 1);
    },
  );

  it.each(paths.map((path) => [path.join(' '), path] as const))(
    'of `mir %s` marks the options that it requires, and no others',
    async (_name, words) => {
      const { out } = await cli({}, ...words, '--help');
      const command = words.reduce<Command>(
        (parent, name) => parent.commands.find((one) => one.name() === name)!,
        program,
      );
      const flat = out.replaceAll(/\s+/g, ' ');
      for (const { flags, mandatory } of command.options) {
        const [, described] = flat.split(` ${flags} `);
        const own = described!.split(/ --| -h,/)[0]!;
        expect(`${flags} ${own.endsWith('(required)')}`).toBe(`${flags} ${mandatory}`);
      }
    },
  );

  it('shows only command lines that the program understands', async () => {
    const helps = await Promise.all(paths.map((path) => cli({}, ...path, '--help')));
    const lines = new Set(helps.flatMap(({ out }) => examplesIn(out)));
    expect(lines.size).toBeGreaterThan(paths.length);
    for (const line of lines) {
      // No store is named, so a command line that is understood ends in just that refusal.
      const { code, out, err } = await cli({ DATA_DIR: '/nonexistent' }, ...wordsOf(line));
      const asked = err.includes('nobody can be asked here');
      expect(`${line}: ${asked ? 1 : code} ${err}${out}`).toMatch(
        /: [01] [^]*(stores of MIR cannot be found|Usage: mir|nobody can be asked)/,
      );
    }
  });
});
