import type { VNode } from 'preact';
import type { PresentedPartner } from '../../../partners/present-partner';
import { State } from '../../design/app-parts';
import { Notice } from '../../design/text';

export const PLAN_NAMES: Record<PresentedPartner['plan'], string> = { STANDARD: 'Standard', ENTERPRISE: 'Enterprise' };

export function PartnerState({ suspended }: Pick<PresentedPartner, 'suspended'>): VNode {
  return suspended ? <State kind="suspended">Suspended</State> : <State kind="active">Active</State>;
}

/** Shows the notice for a value of `done` in the URL, so that a page never shows text from its URL. */
export function DoneNotice({
  texts,
  done,
}: {
  texts: Readonly<Record<string, string>>;
  done: string | undefined;
}): VNode | null {
  const text = done !== undefined && Object.hasOwn(texts, done) ? texts[done] : undefined;
  return text === undefined ? null : (
    <Notice>
      <p>{text}</p>
    </Notice>
  );
}
