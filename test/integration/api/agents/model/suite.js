const { describeSuite } = require('../../../../support/suites');

describeSuite(__dirname);
