import type { Command } from 'commander';
import { examine } from '../../api/admin/health/run-checks';
import type { Finding, CheckStatus } from '../../api/admin/health/finding';
import { ExitCode, type Shell } from './shell';
import { cell } from './print';
import { cliDataDir, isPepperGiven, readCliConfig } from './settings';

const MARKS: Readonly<Record<CheckStatus, string>> = { OK: '●', WARN: '◐', FAIL: '○' };

function lineOf({ check, verdict, found, remedy }: Finding): string {
  const line = `${MARKS[verdict]} ${verdict.padEnd(5)} ${check.padEnd(15)} ${cell(found)}`;
  return remedy === null ? line : `${line}\n${' '.repeat(24)}→ ${cell(remedy)}`;
}

/** Adds the `doctor` command. */
export function addDoctorCommand(doctor: Command, shell: Shell): void {
  doctor
    .addHelpText(
      'after',
      '\nRead-only. ● OK, ◐ WARN: working but degraded, ○ FAIL: rejecting or losing data, or about to do so.' +
        '\nExit codes: 0 no check failed, 1 at least one check failed, 2 usage error.' +
        '\nExamples:\n  mir doctor\n  mir doctor --json',
    )
    .action(async (_options: object, command: Command) => {
      const { env } = shell;
      const read = () => ({ config: readCliConfig(env), pepperGiven: isPepperGiven(env) });
      const checks = await examine(read, cliDataDir(env));
      const failed = checks.filter(({ verdict }) => verdict === 'FAIL').length;
      const warned = checks.filter(({ verdict }) => verdict === 'WARN').length;
      const { json } = command.optsWithGlobals<{ json?: boolean }>();
      shell.out(
        json
          ? `${JSON.stringify({ ok: failed === 0, checks }, null, 2)}\n`
          : `${checks.map(lineOf).join('\n')}\n${checks.length - failed - warned} OK, ${warned} WARN, ${failed} FAIL\n`,
      );
      if (failed > 0) throw new ExitCode(1);
    });
}
