#!/usr/bin/env node
'use strict';
// Runs `mir` in a checkout, rebuilding an outdated dist/ first. The image has no sources and links main.js directly.
const { build } = require('../build');

if (!build()) process.exit(1);
// oxlint-disable-next-line import/no-unassigned-import -- a program, not a module
require('../../dist/deploy/cli/main.js');
