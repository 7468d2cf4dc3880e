const { existsSync, readdirSync } = require('node:fs');
const path = require('node:path');

/** A folder with this file is a suite: its test files run as one test file, which loads the product's modules once. */
const SUITE_FILE = 'suite.js';

/** Returns the nearest suite folder above a test file, or null if the file does not belong to a suite. */
function suiteFolderOf(file) {
  let folder = path.dirname(file);
  while (!existsSync(path.join(folder, SUITE_FILE))) {
    const parent = path.dirname(folder);
    if (parent === folder) return null;
    folder = parent;
  }
  return folder;
}

/** Returns the test files of a suite: all files below its folder, except those of nested suites. */
function testFilesOf(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => path.join(folder, file))
    .filter((file) => suiteFolderOf(file) === folder)
    .sort();
}

/** Declares the tests of a suite, with a `describe` block for each file. */
function describeSuite(folder) {
  const { describe } = require('@jest/globals');
  // oxlint-disable-next-line import/no-unassigned-import -- loaded before the test files, so that its afterAll runs after the last test file
  require('./shared-harness');
  for (const file of testFilesOf(folder)) {
    describe(path.relative(folder, file), () => {
      require(file);
    });
  }
}

module.exports = { SUITE_FILE, suiteFolderOf, testFilesOf, describeSuite };
