#!/usr/bin/env node
'use strict';
// `mir` in a checkout: never runs a dist/ that is older than the sources. The image has no sources and links main.js.
const { build } = require('../build');

if (!build()) process.exit(1);
// oxlint-disable-next-line import/no-unassigned-import -- it is a program, not a module
require('../../dist/deploy/cli/main.js');
