import { type ClientSession, type Connection, Schema } from 'mongoose';
import { DEFAULT_POLICY, PRESETS, type SpawnPolicy } from '../domain/agent';
import type { Tenant } from '../domain/ids';

/** A stored policy. Policies from earlier versions do not have all fields. */
interface PolicyDoc extends Partial<Omit<SpawnPolicy, 'approval'>> {
  _id: Tenant;
  approval?: Partial<SpawnPolicy['approval']>;
  updatedAt: Date;
}

const approvalSchema = new Schema(
  {
    fromDepth: Number,
    fromAgentsPerRoot: Number,
    presets: { type: [String], default: undefined },
    expiresInSeconds: Number,
  },
  { _id: false },
);
const secondsSchema = new Schema(Object.fromEntries(PRESETS.map((preset) => [preset, Number])), { _id: false });

const schema = new Schema<PolicyDoc>(
  {
    _id: String,
    spawnEnabled: Boolean,
    maxSpawnDepth: Number,
    maxChildrenPerAgent: Number,
    maxAgentsPerRoot: Number,
    maxSpawnsPerMinute: Number,
    ownerRequired: Boolean,
    maxLifetimeSeconds: { type: secondsSchema, default: {} },
    maxIdleSeconds: { type: secondsSchema, default: {} },
    agentEventVisibility: String,
    approval: { type: approvalSchema, default: {} },
    updatedAt: Date,
  },
  { collection: 'spawn_policies', versionKey: false, strict: 'throw', minimize: false },
);

export function policiesStore(connection: Connection) {
  const model = connection.model<PolicyDoc>('SpawnPolicy', schema);
  return {
    model,

    /** Returns the tenant's spawn policy, or the default (spawning disabled) if none is set. */
    async get(tenant: Tenant, session?: ClientSession): Promise<SpawnPolicy> {
      const doc = await model
        .findById(tenant)
        .session(session ?? null)
        .read('primary')
        .lean<PolicyDoc>();
      if (!doc) return DEFAULT_POLICY;
      const { _id, updatedAt: _at, approval, ...rules } = doc;
      return { ...DEFAULT_POLICY, ...rules, approval: { ...DEFAULT_POLICY.approval, ...approval } };
    },

    async put(tenant: Tenant, policy: SpawnPolicy, at: Date, session: ClientSession): Promise<void> {
      await model.replaceOne({ _id: tenant }, { ...policy, updatedAt: at }, { upsert: true, session });
    },
  };
}
