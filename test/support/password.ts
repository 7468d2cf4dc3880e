/** The password of all test accounts. */
export const PASSWORD = 'correct horse battery';
