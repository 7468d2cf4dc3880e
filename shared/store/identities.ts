import { type ClientSession, type Connection, Schema } from 'mongoose';
import { newId } from '../domain/ids';
import type { accountLogInsStore } from './account-rows';

/** A person's MIR account. better-auth writes the rows and determines the field names. */
export interface IdentityDoc {
  _id: string;
  /** Lowercase. */
  email: string;
  emailVerified: boolean;
  name: string;
  createdAt: Date;
  updatedAt: Date;
  /**
   * Incremented for every new link, so that linking an account conflicts with a concurrent deletion of the identity.
   */
  links?: number;
}

const options = { versionKey: false, strict: false } as const;

const identitySchema = new Schema<IdentityDoc>(
  { _id: String, email: String, emailVerified: Boolean, name: String, createdAt: Date, updatedAt: Date, links: Number },
  { ...options, collection: 'identities' },
);
// The names match those of better-auth's adapter, so that better-auth does not create duplicate indexes.
identitySchema.index({ email: 1 }, { name: 'identities_email_uidx', unique: true });
identitySchema.index({ emailVerified: 1, createdAt: 1 });

export function identitiesStore(
  connection: Connection,
  { model: logIns }: Pick<ReturnType<typeof accountLogInsStore>, 'model'>,
) {
  const model = connection.model<IdentityDoc>('Identity', identitySchema);
  return {
    model,

    async get(identityId: string): Promise<IdentityDoc | null> {
      return model.findById(identityId).lean<IdentityDoc>();
    },

    /** Prevents deletion of an identity until the transaction ends. Returns false if the identity no longer exists. */
    async lock(identityId: string, session: ClientSession): Promise<boolean> {
      return (await model.updateOne({ _id: identityId }, { $inc: { links: 1 } }, { session })).matchedCount === 1;
    },

    async byEmail(email: string): Promise<IdentityDoc | null> {
      return model.findOne({ email: email.toLowerCase() }).lean<IdentityDoc>();
    },

    /**
     * Returns the identity with this email address. If there is none, creates an unverified identity without a
     * password. Renews an unverified sign-up, so that the identity does not expire before the next emailed link.
     */
    async signUp(email: string, now: Date): Promise<IdentityDoc> {
      const created = { _id: newId('idn'), emailVerified: false, name: '', createdAt: now, updatedAt: now };
      const address = { email: email.toLowerCase() };
      await model.updateOne(address, { $setOnInsert: created }, { upsert: true });
      const identity = await model.findOne(address).lean<IdentityDoc>().orFail();
      if (!identity.emailVerified) {
        await model.updateOne({ _id: identity._id, emailVerified: false }, { $set: { createdAt: now } });
      }
      return identity;
    },

    /**
     * Marks the email address as verified. Call this when a person returns an emailed secret, which proves that they
     * own the address.
     */
    async recordVerified(identityId: string): Promise<void> {
      await model.updateOne({ _id: identityId }, { $set: { emailVerified: true, updatedAt: new Date() } });
    },

    /** Returns addresses that were used to sign up before `before` and are still unverified, oldest first. */
    async unverifiedBefore(before: Date, limit: number): Promise<Pick<IdentityDoc, 'email'>[]> {
      return model
        .find({ emailVerified: false, createdAt: { $lt: before } }, { email: 1 })
        .sort({ createdAt: 1 })
        .limit(limit)
        .lean<Pick<IdentityDoc, 'email'>[]>();
    },

    /**
     * Deletes an unverified identity and its password. If `before` is set, deletes the identity only if the sign-up was
     * before that time.
     */
    async dropUnverified(email: string, session: ClientSession, before?: Date): Promise<void> {
      const unverified = { email: email.toLowerCase(), emailVerified: false };
      const dropped = await model.findOneAndDelete(
        { ...unverified, ...(before && { createdAt: { $lt: before } }) },
        { session },
      );
      if (dropped) await logIns.deleteMany({ userId: dropped._id }, { session });
    },
  };
}
