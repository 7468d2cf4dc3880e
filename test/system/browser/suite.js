const { describeSuite } = require('../../support/suites');

// oxlint-disable-next-line import/no-unassigned-import -- loaded before the files, it closes the browser after the last file of the suite.
require('../../support/chromium');

describeSuite(__dirname);
