/** Largest body of `POST /events`, counted after decompression. */
export const MAX_EVENTS_BODY_BYTES = 5 * 1024 * 1024;
/** Largest body of any other route: a hundred ids of 256 characters fit, each character escaped as \uXXXX. */
export const MAX_BODY_BYTES = 256 * 1024;
/** Largest body of a posted form. */
export const MAX_FORM_BODY_BYTES = 16 * 1024;
