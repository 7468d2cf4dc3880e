import { mongo } from 'mongoose';

const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const HEADER_BYTES = 16;
const FLAG_BYTES = 4;
/** Length of the fields of an OP_QUERY message between the collection's name and the query, and of those of a reply. */
const QUERY_RANGE_BYTES = 8;
const REPLY_FIELD_BYTES = 20;
const BODY_SECTION = 0;
const SEQUENCE_SECTION = 1;

type Document = mongo.BSON.Document;

/** Returns the response to a MongoDB command, or null to let the server respond. */
export type CommandResponder = (command: string, body: Document) => Document | null;

const documentAt = (message: Buffer, at: number): Document =>
  mongo.BSON.deserialize(message.subarray(at, at + message.readInt32LE(at)));

function sequenceAt(message: Buffer, at: number): { name: string; documents: Document[] } {
  const end = at + message.readInt32LE(at);
  const nameEnd = message.indexOf(0, at + 4);
  const documents: Document[] = [];
  for (let next = nameEnd + 1; next < end; next += message.readInt32LE(next)) documents.push(documentAt(message, next));
  return { name: message.toString('utf8', at + 4, nameEnd), documents };
}

/**
 * Returns the command of an OP_MSG message, with its document sequences, or of an OP_QUERY message, which begins a
 * connection. Returns null for other messages.
 */
function bodyOf(message: Buffer): Document | null {
  const start = HEADER_BYTES + FLAG_BYTES;
  const kind = message.readInt32LE(12);
  if (kind === OP_QUERY) return documentAt(message, message.indexOf(0, start) + 1 + QUERY_RANGE_BYTES);
  if (kind !== OP_MSG || message[start] !== BODY_SECTION) return null;
  const body = documentAt(message, start + 1);
  let at = start + 1 + message.readInt32LE(start + 1);
  while (message[at] === SEQUENCE_SECTION) {
    const { name, documents } = sequenceAt(message, at + 1);
    body[name] = documents;
    at += 1 + message.readInt32LE(at + 1);
  }
  return body;
}

function responseTo(request: Buffer, body: Document): Buffer {
  const document = Buffer.from(mongo.BSON.serialize(body));
  const isQuery = request.readInt32LE(12) === OP_QUERY;
  const head = Buffer.alloc(HEADER_BYTES + (isQuery ? REPLY_FIELD_BYTES : FLAG_BYTES + 1));
  head.writeInt32LE(head.length + document.length, 0);
  head.writeInt32LE(request.readInt32LE(4), 8);
  head.writeInt32LE(isQuery ? OP_REPLY : OP_MSG, 12);
  // A reply states the number of its documents.
  if (isQuery) head.writeInt32LE(1, head.length - 4);
  return Buffer.concat([head, document]);
}

/**
 * Splits what a MongoDB client sends into messages, and forwards each message that the responder does not respond to.
 * Returns the function that receives the client's data.
 */
export function mongoFrames(
  responder: () => CommandResponder | null,
  forward: (data: Buffer) => boolean,
  respond: (data: Buffer) => boolean,
): (data: Buffer) => boolean {
  let rest: Buffer = Buffer.alloc(0);
  const send = (message: Buffer): boolean => {
    const current = responder();
    const body = current && bodyOf(message);
    const response = body && current(Object.keys(body)[0]!, body);
    return response ? respond(responseTo(message, response)) : forward(message);
  };
  return (data) => {
    rest = rest.length === 0 ? data : Buffer.concat([rest, data]);
    let writable = true;
    while (rest.length >= 4 && rest.length >= rest.readInt32LE(0)) {
      const length = rest.readInt32LE(0);
      writable = send(rest.subarray(0, length)) && writable;
      rest = rest.subarray(length);
    }
    return writable;
  };
}
