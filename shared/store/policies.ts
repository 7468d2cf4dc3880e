import { type ClientSession, type Connection, Schema } from 'mongoose';
import { DEFAULT_POLICY, type SpawnPolicy } from '../domain/agent';
import type { Tenant } from '../domain/ids';

interface PolicyDoc extends SpawnPolicy {
  _id: Tenant;
  updatedAt: Date;
}

const approvalSchema = new Schema({ fromDepth: Number, fromAgentsPerRoot: Number }, { _id: false });

const schema = new Schema<PolicyDoc>(
  {
    _id: String,
    spawnEnabled: Boolean,
    maxSpawnDepth: Number,
    maxChildrenPerAgent: Number,
    maxAgentsPerRoot: Number,
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
        .lean<PolicyDoc>();
      if (!doc) return DEFAULT_POLICY;
      const { spawnEnabled, maxSpawnDepth, maxChildrenPerAgent, maxAgentsPerRoot, approval } = doc;
      return { spawnEnabled, maxSpawnDepth, maxChildrenPerAgent, maxAgentsPerRoot, approval: approval ?? {} };
    },

    async put(tenant: Tenant, policy: SpawnPolicy, at: Date, session: ClientSession): Promise<void> {
      await model.replaceOne({ _id: tenant }, { ...policy, updatedAt: at }, { upsert: true, session });
    },
  };
}
