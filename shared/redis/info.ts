import type { Redis } from 'ioredis';

/** Returns a field of the output of INFO, or an empty string if the server does not report the field. */
export type Info = (field: string) => string;

export function parseInfo(text: string): Info {
  return (field) => new RegExp(`^${field}:(.*?)\r?$`, 'm').exec(text)?.[1] ?? '';
}

/** Reads sections of INFO in one round trip. Without sections, reads the default ones. */
export async function readInfo(client: Redis, ...sections: string[]): Promise<Info> {
  if (sections.length === 0) return parseInfo(await client.info());
  // Before Redis 7.0, INFO accepted only one section.
  const texts = await Promise.all(sections.map((section) => client.info(section)));
  return parseInfo(texts.join('\n'));
}
