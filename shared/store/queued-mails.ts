import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { PartnerId } from '../domain/ids';

/** Why a partner gets an email. */
export type NoticeReason = 'WEBHOOK_DISABLED' | 'KEY_LEAKED';

/** An email to the people who are responsible for a partner. */
export interface NoticeMail {
  reason: NoticeReason;
  recipientId: PartnerId;
  /** Account of the member to write to. By default, the partner's contact address gets the email. */
  memberStaffId?: string;
  /** Values in the text, such as the name of a key. Never a secret, an address or a user's ID. */
  facts: Record<string, string>;
}

/** An email to a member or operator: an invitation, also of a new partner's first administrator, or a link to choose a new password. */
export interface StaffMail {
  reason: 'INVITATION' | 'APPLICATION_APPROVED' | 'STAFF_RESET';
  /** ID of the invitation or account. */
  recipientId: string;
}

/** An email to the contact address of an application. */
export interface ApplicantMail {
  reason: 'CONFIRM_APPLICATION' | 'APPLICATION_REJECTED';
  applicationId: string;
}

/** An email about a person's own account. */
export interface PersonMail {
  reason: 'SIGN_UP' | 'RESET';
  identityId: string;
}

type NewMail = PersonMail | StaffMail | NoticeMail | ApplicantMail;

/**
 * An email that is not sent yet. The row is the outbox. It contains no address, text or token: the worker reads the
 * recipient's address and creates the token when it sends the email.
 */
export type QueuedMailDoc = NewMail & {
  _id: string;
  /** Path to open after login, encrypted, because it can contain the token of an invitation. */
  next?: string;
  /** Attempts that have not reported a result: the current one, and those whose workers died. */
  openAttempts: number;
  /** When a sweep next wakes up a worker for this email, unless its job still exists. */
  nextLookAt: Date;
  /** When MIR gives up. The person must then request a new email. */
  expireAt: Date;
};

export type DueMail = Pick<QueuedMailDoc, '_id' | 'nextLookAt'>;

/** How long an email may wait. Exceeds the time for which the worker retries it. */
const EXPIRES_AFTER_MS = 60 * 60_000;
/** Longer than an attempt takes. */
const ATTEMPT_MS = 60_000;

const schema = new Schema<QueuedMailDoc>(
  {
    _id: String,
    identityId: String,
    recipientId: String,
    memberStaffId: String,
    applicationId: String,
    reason: String,
    facts: Schema.Types.Mixed,
    next: String,
    openAttempts: Number,
    nextLookAt: Date,
    expireAt: Date,
  },
  { collection: 'queued_mails', versionKey: false, strict: 'throw', minimize: false },
);
schema.index({ nextLookAt: 1 });
schema.index({ identityId: 1 });
schema.index({ expireAt: 1 }, { expireAfterSeconds: 0 });

export function queuedMailsStore(connection: Connection) {
  const model = connection.model<QueuedMailDoc>('QueuedMail', schema);
  return {
    model,

    async insert(
      mail: NewMail & Pick<QueuedMailDoc, '_id' | 'next'>,
      now: Date,
      session?: ClientSession,
    ): Promise<void> {
      const expireAt = new Date(now.getTime() + EXPIRES_AFTER_MS);
      const row = { ...mail, openAttempts: 0, nextLookAt: now, expireAt };
      await model.create([row], session ? { session } : {});
    },

    /** Returns the approximate number of waiting emails. */
    async count(): Promise<number> {
      return model.estimatedDocumentCount();
    },

    /**
     * Records the start of an attempt, and returns the email. Returns null if the email was sent, dropped or has
     * expired. A transaction that calls this conflicts with `drop` and `dropAll`.
     */
    async startAttempt(id: string, now: Date, session: ClientSession): Promise<QueuedMailDoc | null> {
      const nextLookAt = new Date(now.getTime() + ATTEMPT_MS);
      return model
        .findOneAndUpdate(
          { _id: id, expireAt: { $gt: now } },
          { $inc: { openAttempts: 1 }, $set: { nextLookAt } },
          { session, returnDocument: 'after' },
        )
        .lean<QueuedMailDoc>();
    },

    /** Records a failed attempt. The job is retried after `delayMs`. */
    async recordFailure(id: string, now: Date, delayMs: number): Promise<void> {
      const nextLookAt = new Date(now.getTime() + delayMs + ATTEMPT_MS);
      await model.updateOne({ _id: id }, { $inc: { openAttempts: -1 }, $set: { nextLookAt } });
    },

    async drop(id: string, session?: ClientSession): Promise<void> {
      await model.deleteOne({ _id: id }, session ? { session } : {});
    },

    /** Drops all emails to an identity. */
    async dropAll(identityId: string, session?: ClientSession): Promise<void> {
      await model.deleteMany({ identityId }, session ? { session } : {});
    },

    /** Returns emails that became due after `after`, longest overdue first. */
    async due(after: Date, now: Date, limit: number): Promise<DueMail[]> {
      return model
        .find({ nextLookAt: { $gt: after, $lte: now } }, { nextLookAt: 1 })
        .sort({ nextLookAt: 1 })
        .limit(limit)
        .lean<DueMail[]>();
    },

    /** Returns the earliest due time of an email, which may be in the past, or null if none is waiting. */
    async nextDueAt(): Promise<Date | null> {
      const next = await model.findOne({}, { nextLookAt: 1 }).sort({ nextLookAt: 1 }).lean<DueMail>();
      return next?.nextLookAt ?? null;
    },
  };
}
