const path = require('node:path');

const root = path.join(__dirname, '..');

/** Compiles TypeScript to CommonJS. Keeps dynamic imports, because some packages are ES modules. */
const swc = (parser, react) => [
  '@swc/jest',
  {
    jsc: { parser, target: 'es2023', ...(react ? { transform: { react } } : {}) },
    module: { type: 'commonjs', ignoreDynamic: true },
    sourceMaps: 'inline',
  },
];

const project = (name, options = {}) => ({
  displayName: name,
  rootDir: root,
  roots: [`<rootDir>/test/${name}`],
  testMatch: ['**/*.test.ts'],
  transform: {
    '^.+\\.ts$': swc({ syntax: 'typescript' }),
    '^.+\\.tsx$': swc({ syntax: 'typescript', tsx: true }, { runtime: 'automatic', importSource: 'preact' }),
  },
  ...options,
});

const withStores = {
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
};

module.exports = {
  rootDir: root,
  testTimeout: 60_000,
  testSequencer: '<rootDir>/test/support/sequencer.js',
  // Integration and system tests spend up to half of their time waiting, so running more workers than a small machine
  // has cores (2) saves time. In CI, a third worker saved 5 % and made a test of outages time out.
  maxWorkers: process.env.CI ? 2 : 4,
  workerIdleMemoryLimit: '1GB',
  projects: [
    project('unit'),
    project('integration', withStores),
    project('system', withStores),
    project('attacks', withStores),
  ],
};
