import type { Connection, mongo } from 'mongoose';

type Document = mongo.BSON.Document;

/** Records the commands that these connections send from now on. They need `monitorCommands=true` in their URL. */
export function recordCommands(connections: readonly Connection[]): { name: string; command: Document }[] {
  const sent: { name: string; command: Document }[] = [];
  for (const connection of connections) {
    connection.getClient().on('commandStarted', ({ commandName: name, command }) => sent.push({ name, command }));
  }
  return sent;
}
