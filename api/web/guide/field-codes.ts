/** Remedies for the codes of entries in `errors`. Codes that a whole response can also have are in `PROBLEMS`. */
export const FIELD_CODES: Record<string, string> = {
  REQUIRED: 'Send this field.',
  UNKNOWN_FIELD: 'Remove this field, or correct its spelling.',
  INVALID_TYPE: 'Use the JSON type given in `message`.',
  INVALID_VALUE: 'Use one of the values listed in `message`.',
  INVALID_FORMAT: 'Use the format described in `message`.',
  TOO_SMALL: 'Use a value within the limits given in `message`.',
  TOO_BIG: 'Use a value within the limits given in `message`.',
  CUSTOM: 'Follow the instructions in `message`.',
  INVALID_TEXT:
    'Remove control characters. From names and labels, also remove quotation marks and invisible or direction-changing characters.',
  UNKNOWN_EVENT_TYPE: 'Use an event type from the catalog. `message` suggests similar ones.',
  OUT_OF_RANGE: 'Use a valid time in 1970 or later.',
  IN_THE_FUTURE:
    'Use a time that is not in the future, and check your clock. An event with this problem was not stored.',
  INVALID_KEY:
    'Rename this key in `metadata`. Keys must not be empty, start with `$`, or be a name that `message` forbids.',
  INVALID_NUMBER: 'Use a finite number in `metadata`.',
  TOO_DEEP: 'Reduce the nesting of `metadata`.',
  TOO_LARGE: 'Reduce the size to the limit given in `message`.',
  INVALID_PATTERN: 'In the allowlist, use `mir.<category>.<action>`, `mir.<category>.*`, `mir.*` or `*`.',
  UNKNOWN_CATEGORY: 'In the allowlist, use a category from the catalog.',
  ESCALATION: 'Do not request more permissions than the parent has, or the key that creates the key.',
  INVALID_CURSOR: 'Pass `nextCursor` unchanged from the previous page of the same list.',
  IN_THE_PAST: 'Use a time in the future.',
  MUTUALLY_EXCLUSIVE: 'Send only one of the fields that `message` names.',
  INVALID_IP_RANGE: 'Use an IP address or a CIDR range, such as `203.0.113.0/24`.',
  INVALID_RANGE: 'Use a range that is not empty and not longer than `message` allows.',
  OWNER_REQUIRED: 'Set `owner` to the person who is responsible for the agent, or leave the agent’s owner unchanged.',
  LIFETIME_LIMIT:
    'Choose an expiry within the time that `message` names. Omit it for a new agent to get the longest one.',
  IDLE_LIMIT: 'Choose an idle timeout of at most what `message` names. Omit it for a new agent to get the longest one.',
  INVALID_ORIGIN: 'Use an origin: `https://` and a host name, without a path.',
};

/** Remedies for the codes of FAILED items in a receipt. */
export const RECEIPT_CODES: Record<string, string> = {
  STORE_REFUSED: 'Check the content of this event: the database rejected it. The rest of the batch is stored.',
  COMMIT_FAILED:
    'Only in receipts from earlier versions of MIR. The event may be stored. Resend it with its idempotency key.',
  PAYLOAD_UNREADABLE:
    'Resend the event with its idempotency key. Its data was damaged in the queue; report this to the operator.',
  AGENT_NOT_ALLOWED:
    'The agent was revoked before MIR received the event. If the event is legitimate, submit it with your partner key.',
};
