import type { PresentedVerdict } from '../../audit/verify-audit';

type ChainBreak = Extract<PresentedVerdict, { intact: false }>['firstBroken']['reason'];

/** What was found at the first entry that does not verify. */
export const BREAK_WORDS: Record<ChainBreak, string> = {
  ENTRY_CHANGED: 'Its content no longer matches its hash: the entry was changed after MIR had sealed it.',
  ENTRY_MISSING: 'One or more entries are missing here: they were deleted after MIR had sealed them.',
  ENTRY_INSERTED: 'An entry is in a place that MIR did not give it: it was inserted or renumbered.',
  LINK_BROKEN: 'The entry itself is unchanged, but it does not continue the one before it: entries were replaced.',
  HEAD_CHANGED:
    'The entries agree with each other, but not with the end of the chain that MIR recorded: entries were removed at the end, or the record was changed.',
};
