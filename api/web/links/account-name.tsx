import type { VNode } from 'preact';
import type { PartnerDoc } from '../../../shared/store/partners';

interface Named {
  label: string | undefined;
  partner: Pick<PartnerDoc, 'website'> | null;
}

const placeOf = (partner: Named['partner']): string => (partner ? ` at ${new URL(partner.website).host}` : '');

/** Describes an account by its label and host in plain text, for example for screen readers. */
export function describeAccount({ label, partner }: Named): string {
  if (label !== undefined) return `“${label}”${placeOf(partner)}`;
  return partner ? `your account${placeOf(partner)}` : 'this account';
}

/**
 * Shows an account's label and host. The label is in quotation marks, because the partner chose it, and in an element
 * of its own, so that its text direction does not affect the text around it.
 */
export function AccountName({ label, partner }: Named): VNode {
  if (label === undefined) return <>{describeAccount({ label, partner })}</>;
  return (
    <>
      “<bdi>{label}</bdi>”{placeOf(partner)}
    </>
  );
}
