import { Readable } from 'node:stream';
import type { Command } from 'commander';
import { describe, expect, it } from '@jest/globals';
import { createProgram } from '../../../../deploy/cli/run';
import { cli } from '../../../support/cli';

const program = createProgram({
  env: {},
  out: () => undefined,
  err: () => undefined,
  stdin: () => Promise.resolve(''),
  stdinChunks: () => Readable.from([]),
  terminal: null,
});

function pathsBelow(command: Command, path: string[] = []): string[][] {
  return [path, ...command.commands.flatMap((sub) => pathsBelow(sub, [...path, sub.name()]))];
}
const paths = pathsBelow(program);

/** Returns the example command lines in a help text, with continued lines joined. */
function examplesIn(help: string): string[] {
  const joined = help.replaceAll(/\\\n\s+/g, ' ');
  return [...joined.matchAll(/^ {2}mir ([^>|\n]+)/gm)].map(([, line]) => line!.trim());
}

const wordsOf = (line: string): string[] =>
  [...line.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word);

describe('CLI help', () => {
  it.each(paths.map((path) => [path.join(' '), path] as const))(
    'shows examples for `mir %s`, and exit codes if the command has no subcommands',
    async (_name, words) => {
      const { code, out, err } = await cli({}, ...words, '--help');
      expect([code, err]).toEqual([0, '']);
      expect(examplesIn(out).length).toBeGreaterThan(0);
      expect(out.match(/Exit codes: /g)?.length ?? 0).toBe(out.includes('Commands:') && words.length > 0 ? 0 : 1);
    },
  );

  it.each(paths.map((path) => [path.join(' '), path] as const))(
    'marks exactly the required options of `mir %s` as required',
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

  it('shows only examples that the program can parse', async () => {
    const helps = await Promise.all(paths.map((path) => cli({}, ...path, '--help')));
    const lines = new Set(helps.flatMap(({ out }) => examplesIn(out)));
    expect(lines.size).toBeGreaterThan(paths.length);
    for (const line of lines) {
      // No stores are configured, so even a valid command fails, but only because the program cannot find its stores.
      const { code, out, err } = await cli({ DATA_DIR: '/nonexistent' }, ...wordsOf(line));
      const needsTerminal = err.includes('without a terminal');
      expect(`${line}: ${needsTerminal ? 1 : code} ${err}${out}`).toMatch(
        /: [01] [^]*(Cannot find MIR's stores|Usage: mir|without a terminal|could not read the keys)/,
      );
    }
  });
});
