/** Maximum size of a `POST /events` body after decompression. */
export const MAX_EVENTS_BODY_BYTES = 5 * 1024 * 1024;
/**
 * Maximum size of any other JSON body. Fits 100 user IDs of 256 characters, even if each character is escaped as
 * \uXXXX.
 */
export const MAX_BODY_BYTES = 256 * 1024;
/** Maximum size of a form body. */
export const MAX_FORM_BODY_BYTES = 16 * 1024;
/** Maximum size of a form body with a long text: 2,000 characters in any script, each of which browsers encode as nine. */
export const MAX_LONG_FORM_BODY_BYTES = 32 * 1024;
