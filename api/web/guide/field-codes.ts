/** Codes of the entries of `errors`, beyond those of whole answers: one a field, or an item of a batch. */
export const FIELD_CODES: Record<string, string> = {
  REQUIRED: 'Send the field.',
  UNKNOWN_FIELD: 'Remove the field, or correct its spelling.',
  INVALID_TYPE: 'Send the JSON type that `message` names.',
  INVALID_VALUE: 'Send one of the values that `message` names.',
  INVALID_FORMAT: 'Send the form that `message` names: a time is RFC 3339 with an offset, a URL or address is whole.',
  TOO_SMALL: 'Send a number, text or list within the bounds that `message` names.',
  TOO_BIG: 'Send a number, text or list within the bounds that `message` names.',
  CUSTOM: 'Do what `message` says.',
  INVALID_TEXT: 'Leave out control characters, and in labels invisible and direction-changing ones.',
  UNKNOWN_EVENT_TYPE: 'Take a type from the catalog; `message` names the nearest ones.',
  OUT_OF_RANGE: 'Send a time that exists, 1970 or later.',
  IN_THE_FUTURE: 'Set your clock: the event lies in the future. Nothing of it was stored.',
  INVALID_KEY: 'Rename the key in `metadata`: not empty, no `$` at its start, none that `message` forbids.',
  INVALID_NUMBER: 'Send a finite number in `metadata`.',
  TOO_DEEP: 'Flatten `metadata`.',
  TOO_LARGE: 'Shorten `metadata`; `message` says how much it may have.',
  INVALID_PATTERN: 'Write `mir.<category>.<action>`, `mir.<category>.*`, `mir.*` or `*` into the allowlist.',
  UNKNOWN_CATEGORY: 'Take a category of the catalog into the allowlist.',
  ESCALATION: 'Ask for no more than the parent has in this field.',
  INVALID_CURSOR: 'Send `nextCursor` of the page before, unchanged, to the list that gave it out.',
  INVALID_ORIGIN: 'Give an origin: `https://`, a host name, and no path.',
};

/** Codes of the items of a receipt that FAILED. */
export const RECEIPT_CODES: Record<string, string> = {
  STORE_REFUSED: 'Look at the content of this event: the store cannot keep it. The others of the batch are stored.',
  COMMIT_FAILED: 'Nothing; the operator can repeat it, and then the event is stored. Or send it again with its key.',
  PAYLOAD_UNREADABLE: 'Tell the operator: what was queued was damaged. Send the event again with its key.',
  AGENT_NOT_ALLOWED: 'Submit it with a key that may: the agent was revoked before the event was received.',
};
