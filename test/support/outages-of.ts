import type { OwnStore } from './own-store';

/** Returns the ways in which a server can become unavailable, as rows for `describe.each`. */
export function outagesOf(server: () => OwnStore) {
  return [
    { outage: 'stopped', begin: () => server().stop(), end: () => server().restart() },
    { outage: 'killed', begin: () => server().kill(), end: () => server().restart() },
    { outage: 'frozen', begin: async () => server().freeze(), end: async () => server().thaw() },
  ];
}
