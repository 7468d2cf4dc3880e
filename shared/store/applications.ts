import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { PartnerId } from '../domain/ids';
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
}

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
  },
  { collection: 'applications', versionKey: false, strict: 'throw' },
);
schema.index({ status: 1, createdAt: -1, _id: -1 });
schema.index({ createdAt: -1, _id: -1 });

export function applicationsStore(connection: Connection) {
  const model = connection.model<ApplicationDoc>('Application', schema);
  return {
    model,

    async insert(application: ApplicationDoc, session?: ClientSession): Promise<void> {
      await model.create([application], session ? { session } : {});
    },

    async get(id: string): Promise<ApplicationDoc | null> {
      return model.findById(id).lean<ApplicationDoc>();
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
