import { mongo } from 'mongoose';

const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Makes the primary step down, and not seek election for the given time. A replica set of one member, such as the
 * tests', has no primary until then, and aborts its open transactions' writes.
 */
export async function stepDown(url: string, seconds: number): Promise<void> {
  const client = new mongo.MongoClient(url, { serverSelectionTimeoutMS: CONNECT_TIMEOUT_MS });
  try {
    await client.db('admin').command({ replSetStepDown: seconds, force: true });
  } finally {
    await client.close();
  }
}

/** Returns whether the server is the primary. */
export async function isPrimary(url: string): Promise<boolean> {
  const client = new mongo.MongoClient(url, { serverSelectionTimeoutMS: CONNECT_TIMEOUT_MS, directConnection: true });
  try {
    return (await client.db('admin').command({ hello: 1 }))['isWritablePrimary'] === true;
  } finally {
    await client.close();
  }
}
