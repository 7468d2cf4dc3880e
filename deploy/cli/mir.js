#!/usr/bin/env node
'use strict';
// Runs `mir` in a checkout, after rebuilding dist/ if it is out of date. The image contains no sources and links
// directly to main.js.
const { build } = require('../build');

if (!build()) process.exit(1);
// oxlint-disable-next-line import/no-unassigned-import -- a program, not a module
require('../../dist/deploy/cli/main.js');
