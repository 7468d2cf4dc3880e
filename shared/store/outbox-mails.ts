import { type Connection, Schema } from 'mongoose';

/** An email that is stored for viewing instead of being sent. Local mode only. */
export interface OutboxMailDoc {
  _id: string;
  /** Lowercase. */
  to: string;
  subject: string;
  text: string;
  createdAt: Date;
}

const OUTBOX_SECONDS = 24 * 3_600;

const schema = new Schema<OutboxMailDoc>(
  { _id: String, to: String, subject: String, text: String, createdAt: Date },
  { collection: 'outbox_mails', versionKey: false, strict: 'throw' },
);
schema.index({ createdAt: 1 }, { expireAfterSeconds: OUTBOX_SECONDS });
schema.index({ to: 1 });

export function outboxMailsStore(connection: Connection) {
  const model = connection.model<OutboxMailDoc>('OutboxMail', schema);
  return {
    model,

    /** Stores an email. A retry with the same `_id` replaces it. */
    async put(mail: OutboxMailDoc): Promise<void> {
      await model.replaceOne({ _id: mail._id }, mail, { upsert: true });
    },

    async newest(limit: number): Promise<OutboxMailDoc[]> {
      return model.find().sort({ createdAt: -1, _id: -1 }).limit(limit).lean<OutboxMailDoc[]>();
    },
  };
}
