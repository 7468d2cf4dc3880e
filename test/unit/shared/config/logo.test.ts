import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { readLogo } from '../../../../shared/config/logo';
import { tempDirs } from '../../../support/temp-dirs';

const SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"></svg>';
const PNG = Buffer.from('89504e470d0a1a0a0000', 'hex');

const { tempDir } = tempDirs();

function fileWith(name: string, content: string | Buffer): string {
  const file = join(tempDir(), name);
  writeFileSync(file, content);
  return file;
}

describe('a logo', () => {
  it.each([
    ['logo.svg', SVG, 'image/svg+xml'],
    ['logo.svg', `<?xml version="1.0"?>\n<!-- of ours -->\n${SVG}`, 'image/svg+xml'],
    ['LOGO.PNG', PNG, 'image/png'],
  ])('can be %s', (name, content, mediaType) => {
    const logo = readLogo(fileWith(name, content));
    expect(logo.mediaType).toBe(mediaType);
    expect(logo.path).toMatch(/^\/assets\/logo-[0-9a-f]{12}\.(?:svg|png)$/);
    expect(logo.content).toEqual(Buffer.from(content));
  });

  it.each([
    ['logo.gif', 'GIF89a', 'must be the path of a file that ends with .svg or .png'],
    ['logo.png', SVG, 'is not image/png, although its name ends with .png'],
    ['logo.svg', '<html></html>', 'is not image/svg+xml, although its name ends with .svg'],
    ['logo.svg', SVG + ' '.repeat(100 * 1024), 'must be at most 100 KiB, but has 101 KiB'],
  ])('cannot be %s with other or too much content', (name, content, message) => {
    expect(() => readLogo(fileWith(name, content))).toThrow(message);
  });

  it('must exist', () => {
    expect(() => readLogo('/missing/logo.svg')).toThrow('cannot be read: ENOENT');
  });
});
