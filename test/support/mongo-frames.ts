import { mongo } from 'mongoose';

const OP_MSG = 2013;
const HEADER_BYTES = 16;
const FLAG_BYTES = 4;
const BODY_SECTION = 0;

/** Returns the response to a MongoDB command, or null to let the server respond. */
export type CommandResponder = (command: string, body: mongo.BSON.Document) => mongo.BSON.Document | null;

/** Returns the body of an OP_MSG message, or null for other messages. */
function bodyOf(message: Buffer): mongo.BSON.Document | null {
  if (message.readInt32LE(12) !== OP_MSG) return null;
  const at = HEADER_BYTES + FLAG_BYTES;
  if (message[at] !== BODY_SECTION) return null;
  const length = message.readInt32LE(at + 1);
  return mongo.BSON.deserialize(message.subarray(at + 1, at + 1 + length));
}

function responseTo(requestId: number, body: mongo.BSON.Document): Buffer {
  const document = Buffer.from(mongo.BSON.serialize(body));
  const head = Buffer.alloc(HEADER_BYTES + FLAG_BYTES + 1);
  head.writeInt32LE(head.length + document.length, 0);
  head.writeInt32LE(requestId, 8);
  head.writeInt32LE(OP_MSG, 12);
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
    return response ? respond(responseTo(message.readInt32LE(4), response)) : forward(message);
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
