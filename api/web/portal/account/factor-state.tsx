import type { VNode } from 'preact';
import { State } from '../../design/app-parts';

/** Whether logins with the password need a code. */
export function FactorState({ isOn }: { isOn: boolean }): VNode {
  return <State kind={isOn ? 'active' : 'pending'}>{isOn ? 'On' : 'Off'}</State>;
}
