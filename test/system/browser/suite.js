const { describeSuite } = require('../../support/suites');

// Loaded here, it closes the browser after the last file of the suite.
require('../../support/chromium');

describeSuite(__dirname);
