import { type Connection, Schema } from 'mongoose';

/** A mail that was not sent but put where its reader can see it; local mode only. */
export interface OutboxMailDoc {
  _id: string;
  /** Lower case. */
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

    /** Puts a mail into the outbox; the same `_id` again is the same mail. */
    async put(mail: OutboxMailDoc): Promise<void> {
      await model.replaceOne({ _id: mail._id }, mail, { upsert: true });
    },

    /** The newest mails first. */
    async newest(limit: number): Promise<OutboxMailDoc[]> {
      return model.find().sort({ createdAt: -1, _id: -1 }).limit(limit).lean<OutboxMailDoc[]>();
    },
  };
}
