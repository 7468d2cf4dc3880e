const path = require('node:path');

const root = path.join(__dirname, '..');

/** TypeScript as Node runs it; dynamic imports stay, because some packages are ES modules. */
const swc = (parser, react) => [
  '@swc/jest',
  {
    jsc: { parser, target: 'es2023', ...(react ? { transform: { react } } : {}) },
    module: { type: 'commonjs', ignoreDynamic: true },
    sourceMaps: 'inline',
  },
];

const project = (name, more = {}) => ({
  displayName: name,
  rootDir: root,
  roots: [`<rootDir>/test/${name}`],
  testMatch: ['**/*.test.ts'],
  transform: {
    '^.+\\.ts$': swc({ syntax: 'typescript' }),
    '^.+\\.tsx$': swc({ syntax: 'typescript', tsx: true }, { runtime: 'automatic', importSource: 'preact' }),
  },
  ...more,
});

const onStores = {
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
};

module.exports = {
  rootDir: root,
  testTimeout: 60_000,
  testSequencer: '<rootDir>/test/support/sequencer.js',
  // Tests of processes wait more than they compute, so one worker more than the two cores of a small machine saves a
  // sixth of the time (425 s and 357 s). CI has slower stores, which would then miss time limits.
  maxWorkers: process.env.CI ? 2 : 4,
  workerIdleMemoryLimit: '1GB',
  projects: [project('unit'), project('integration', onStores), project('system', onStores)],
};
