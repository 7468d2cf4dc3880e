import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { PartnerId } from '../domain/ids';
import { APPLICATION_LINK_DAYS } from '../domain/mailed-link';
import { type ListPage, listPage, type Position } from './list-page';

export type ApplicationStatus = 'PENDING' | 'APPROVED' | 'REJECTED';
export interface ApplicationDoc {
  _id: string;
  name: string;
  website: string;
  contactEmail: string;
  useCase: string;
  status: ApplicationStatus;
  reason?: string;
  partnerId?: PartnerId;
  createdAt: Date;
  decidedAt?: Date;
  /** SHA-256 of the secrets that were emailed to the contact address. Each attempt to send the email creates one. */
  addressTokens?: string[];
  /** When someone opened the link in that email, and so proved to read the contact address. */
  addressConfirmedAt?: Date;
}

/** Number of emailed secrets of an application that stay valid. */
const MAX_TOKENS = 5;
const DAY_MS = 24 * 3_600_000;

const schema = new Schema<ApplicationDoc>(
  {
    _id: String,
    name: { type: String, required: true },
    website: { type: String, required: true },
    contactEmail: { type: String, required: true },
    useCase: { type: String, required: true },
    status: { type: String, enum: ['PENDING', 'APPROVED', 'REJECTED'], required: true },
    reason: String,
    partnerId: String,
    createdAt: { type: Date, required: true },
    decidedAt: Date,
    addressTokens: { type: [String], default: undefined },
    addressConfirmedAt: Date,
  },
  { collection: 'applications', versionKey: false, strict: 'throw' },
);
schema.index({ status: 1, createdAt: -1, _id: -1 });
schema.index({ createdAt: -1, _id: -1 });
schema.index({ addressTokens: 1 }, { sparse: true });

export function applicationsStore(connection: Connection) {
  const model = connection.model<ApplicationDoc>('Application', schema);
  return {
    model,

    async insert(application: ApplicationDoc, session?: ClientSession): Promise<void> {
      await model.create([application], session ? { session } : {});
    },

    async get(id: string, session?: ClientSession): Promise<ApplicationDoc | null> {
      return model
        .findById(id)
        .session(session ?? null)
        .lean<ApplicationDoc>();
    },

    /** Records the hash of a secret that is about to be emailed to the contact address. */
    async addAddressToken(id: string, hash: string, session: ClientSession): Promise<void> {
      const addressTokens = { $each: [hash], $slice: -MAX_TOKENS };
      await model.updateOne({ _id: id }, { $push: { addressTokens } }, { session });
    },

    /** Returns the application that a secret was emailed for, unless the link has expired. */
    async byAddressToken(hash: string, now: Date): Promise<ApplicationDoc | null> {
      const after = new Date(now.getTime() - APPLICATION_LINK_DAYS * DAY_MS);
      return model.findOne({ addressTokens: hash, createdAt: { $gt: after } }).lean<ApplicationDoc>();
    },

    /** Records that the contact address is confirmed. Returns false if it already was. */
    async confirmAddress(id: string, at: Date, session: ClientSession): Promise<boolean> {
      const unconfirmed = { _id: id, addressConfirmedAt: { $exists: false } };
      const { modifiedCount } = await model.updateOne(unconfirmed, { $set: { addressConfirmedAt: at } }, { session });
      return modifiedCount === 1;
    },

    /** Returns an application with this contact address, which must be confirmed. The address's case does not matter. */
    async withConfirmedAddress(id: string, contactEmail: string): Promise<ApplicationDoc | null> {
      const found = await model.findOne({ _id: id, addressConfirmedAt: { $exists: true } }).lean<ApplicationDoc>();
      return found?.contactEmail.toLowerCase() === contactEmail.toLowerCase() ? found : null;
    },

    async countPending(): Promise<number> {
      return model.countDocuments({ status: 'PENDING' });
    },

    /** Decides a pending application. Returns null if the application does not exist or has already been decided. */
    async decide(
      id: string,
      decision: Pick<ApplicationDoc, 'status' | 'decidedAt' | 'reason' | 'partnerId'>,
      session: ClientSession,
    ): Promise<ApplicationDoc | null> {
      return model
        .findOneAndUpdate({ _id: id, status: 'PENDING' }, { $set: decision }, { returnDocument: 'after', session })
        .lean<ApplicationDoc>();
    },

    /** Returns a page of applications, newest first. */
    async list(
      status: ApplicationStatus | null,
      after: Position | null,
      limit: number,
    ): Promise<ListPage<ApplicationDoc>> {
      return listPage<ApplicationDoc>(model, { time: 'createdAt', indexed: status ? { status } : {}, after, limit });
    },
  };
}
