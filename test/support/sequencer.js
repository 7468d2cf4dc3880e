const path = require('node:path');
const { default: Sequencer } = require('@jest/test-sequencer');
const { SUITE_FILE, suiteFolderOf, testFilesOf } = require('./suites');

/**
 * The suites that take more than two minutes in CI, longest first. Without known durations, they start first, so that
 * none of them runs alone at the end.
 */
const LONGEST = [
  'system/faults/stores',
  'attacks/matrix',
  'system/browser',
  'integration/api',
  'system/deploy',
  'system',
  'integration/api/web',
  'system/faults/processes',
  'integration/deploy/cli',
  'integration/workers',
  'integration/api/agents/model',
];

const TESTS = path.join(__dirname, '..');

/** Returns the position in which a suite without a known duration starts. */
function positionOf(test) {
  const position = LONGEST.indexOf(path.relative(TESTS, path.dirname(test.path)));
  return position === -1 ? LONGEST.length : position;
}

/**
 * Runs a suite instead of its files if all of its files are selected, and individual files otherwise. Suites without a
 * known duration run first, followed by the suites and files that were slowest in the last run.
 */
module.exports = class SuiteSequencer extends Sequencer {
  sort(tests) {
    const units = super.sort(replaceFilesBySuites(tests));
    const isNewSuite = (test) => test.duration === undefined && path.basename(test.path) === SUITE_FILE;
    const newSuites = units.filter(isNewSuite).sort((a, b) => positionOf(a) - positionOf(b));
    return [...newSuites, ...units.filter((unit) => !isNewSuite(unit))];
  }
};

function replaceFilesBySuites(tests) {
  const selected = new Set(tests.map((test) => test.path));
  const suites = new Map();
  const files = [];
  for (const test of tests) {
    const folder = suiteFolderOf(test.path);
    if (folder === null || !testFilesOf(folder).every((file) => selected.has(file))) files.push(test);
    else if (!suites.has(folder)) suites.set(folder, { ...test, path: path.join(folder, SUITE_FILE) });
  }
  return [...suites.values(), ...files];
}

module.exports.LONGEST = LONGEST;
