/** Owner of the reads that pages of operators make, for the limit on concurrent long reads. */
export const OPERATOR_READS = 'operator';
