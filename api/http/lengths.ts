/**
 * The longest texts that requests may contain, in characters. The fields of forms allow the same lengths.
 */

/** RFC 5321, section 4.5.3.1.3: a path of 256 octets, without its angle brackets. */
export const MAX_EMAIL_LENGTH = 254;
/** Names of partners, keys, agents and their owners. */
export const MAX_NAME_LENGTH = 120;
/** Names of members and operators. */
export const MAX_PERSON_NAME_LENGTH = 100;
export const MAX_PASSKEY_NAME_LENGTH = 80;
/** Reasons that the audit log records. */
export const MAX_REASON_LENGTH = 500;
export const MAX_URL_LENGTH = 2_048;
/** IDs that MIR has created. */
export const MAX_ID_LENGTH = 100;
