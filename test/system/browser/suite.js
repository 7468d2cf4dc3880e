const { describeSuite } = require('../../support/suites');

// oxlint-disable-next-line import/no-unassigned-import -- loads the `afterAll` that closes the browser after the last file
require('../../support/chromium');

describeSuite(__dirname);
