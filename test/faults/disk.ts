import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../../shared/errors';

const run = promisify(execFile);
const FILLER = 'filler';

/** A file system of its own for one store, which a fault can fill. */
export interface Disk {
  folder: string;
  /** Fills the disk until nothing more can be written. */
  fill(): Promise<void>;
  /** Frees what `fill` used. */
  free(): void;
  end(): Promise<void>;
}

/**
 * Mounts a file system of the given size (ext4 in a sparse file). Returns the reason as a string if this machine does
 * not allow that.
 */
export async function openDisk(parent: string, name: string, bytes: number): Promise<Disk | string> {
  if (process.getuid?.() !== 0) return 'mounting a disk requires root';
  const image = path.join(parent, `${name}.img`);
  const folder = path.join(parent, name);
  const filler = path.join(folder, FILLER);
  mkdirSync(folder, { recursive: true });
  writeFileSync(image, '');
  truncateSync(image, bytes);
  try {
    // Without reserved blocks, because root could still use those.
    await run('mkfs.ext4', ['-q', '-m', '0', image]);
    await run('mount', ['-o', 'loop', image, folder]);
  } catch (error) {
    return `mounting a disk failed: ${messageOf(error)}`;
  }
  return {
    folder,
    fill: async () => {
      const { bavail, bsize } = statfsSync(folder);
      await run('fallocate', ['-l', String(bavail * bsize), filler]).catch(() => undefined);
      // Allocating the file used blocks for its own bookkeeping, and other writers used some in the meantime.
      await run('sh', ['-c', `cat /dev/zero >> '${filler}.rest' 2>/dev/null || true`]);
    },
    free: () => {
      rmSync(filler, { force: true });
      rmSync(`${filler}.rest`, { force: true });
    },
    end: async () => {
      await run('umount', [folder]).catch(() => run('umount', ['-l', folder]));
    },
  };
}
