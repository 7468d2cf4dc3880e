/** Says who reads the reason that an operator gives for a change to a partner. */
export const REASON_HINT = 'For the audit log, which the partner can read.';
