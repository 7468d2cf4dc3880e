import { z } from 'zod';
import { AGENT_STATUSES, AGENT_TYPES, PRESETS } from '../../shared/domain/agent';

export const agentTypeSchema = z.enum(AGENT_TYPES).meta({ id: 'AgentType' });
export const presetSchema = z.enum(PRESETS).meta({ id: 'Preset' });
export const agentStatusSchema = z.enum(AGENT_STATUSES).meta({ id: 'AgentStatus' });
export const membershipSourceSchema = z.enum(['REGISTERED', 'SPAWNED']).meta({ id: 'MembershipSource' });
export const cascadeStatusSchema = z.enum(['RUNNING', 'PARTIAL', 'CLOSED']).meta({ id: 'CascadeStatus' });
