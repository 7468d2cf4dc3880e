import type { VNode } from 'preact';
import type { PresentedPartner } from '../../../partners/present-partner';
import { State } from '../../design/app-parts';

export const PLAN_NAMES: Record<PresentedPartner['plan'], string> = { STANDARD: 'Standard', ENTERPRISE: 'Enterprise' };

export function PartnerState({ suspended }: Pick<PresentedPartner, 'suspended'>): VNode {
  return suspended ? <State kind="suspended">Suspended</State> : <State kind="active">Active</State>;
}
