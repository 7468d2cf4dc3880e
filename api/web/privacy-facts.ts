/* The facts about people’s privacy on the home page and on the page for platforms that want to join. */

/** What MIR stores about a person. */
export const STORED: readonly string[] = [
  'Each event a platform reports: its type, time, weight and metadata, stored under a code made from your user ID on that platform',
  'If you sign up: your email address, a hash of your password, your logins, and which accounts you connected or declined to connect',
];

/** Who sees what of a person’s history. */
export const SEEN: readonly string[] = [
  'The platform that reported an event sees every detail of it',
  'A platform you connect sees your totals: how many events you have, on how many platforms, and how long and how recent your history is',
  'The operator of this MIR server can read everything it stores',
];

/** How a person gets it deleted. */
export const DELETED: readonly string[] = [
  'Ask a platform to erase you, and MIR deletes the events that platform reported',
  'Delete your MIR account: this deletes your email address, logins and connections, but not the events',
];

/** What MIR does not do. */
export const NOT_DONE: readonly string[] = [
  'It doesn’t score or rate you',
  'It doesn’t make decisions about you',
  'It doesn’t show one platform what you did on another',
];
