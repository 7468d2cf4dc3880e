/** Lifetime of the link in a sign-up email. */
export const VERIFY_LINK_HOURS = 24;
/** How long an invitation to become a member can be accepted. */
export const INVITATION_DAYS = 7;
/** Lifetime of the link for choosing a new password. */
export const RESET_LINK_MINUTES = 60;
/** How long after an application its contact address can be confirmed. */
export const APPLICATION_LINK_DAYS = 7;
