import { z } from 'zod';
import { nameSchema } from '../domain/line';

/** Who operates this server, as shown to people and partners. What is not configured is null, and not shown. */
export interface OperatorConfig {
  name: string | null;
  /** An email address or an https URL. */
  contact: string | null;
  privacyUrl: string | null;
  termsUrl: string | null;
}

/** For contexts without a deployment. */
export const NO_OPERATOR: OperatorConfig = { name: null, contact: null, privacyUrl: null, termsUrl: null };

const MAX_NAME_LENGTH = 120;

const emailAddress = z.email().max(254);
const page = (protocol: RegExp): z.ZodURL => z.url({ protocol });

const isEmailAddress = (contact: string): boolean => emailAddress.safeParse(contact).success;

export const operatorNameSetting = nameSchema(MAX_NAME_LENGTH).optional();

export const operatorContactSetting = z
  .string()
  .refine((value) => isEmailAddress(value) || page(/^https$/).safeParse(value).success, {
    error: 'must be an email address, such as support@example.org, or a URL that starts with https://',
  })
  .optional();

export const operatorPageSetting = z
  .string()
  .refine((value) => page(/^https?$/).safeParse(value).success, {
    error: 'must be a URL that starts with https:// or http://',
  })
  .optional();

interface OperatorSettings {
  OPERATOR_NAME?: string | undefined;
  OPERATOR_CONTACT?: string | undefined;
  PRIVACY_URL?: string | undefined;
  TERMS_URL?: string | undefined;
}

/** How to fix each missing setting. */
const REMEDIES: Record<keyof OperatorSettings, string> = {
  OPERATOR_NAME: 'Set the name of the person or organization that operates this server.',
  OPERATOR_CONTACT: 'Set an email address or an https URL where people and partners reach you.',
  PRIVACY_URL: 'Set the URL of your privacy policy.',
  TERMS_URL: 'Set the URL of your terms of service.',
};

/** Returns a problem for each missing setting. People must be able to find out who stores their data. */
export function missingOperatorSettings(settings: OperatorSettings): string[] {
  return Object.entries(REMEDIES)
    .filter(([name]) => settings[name as keyof OperatorSettings] === undefined)
    .map(
      ([name, remedy]) =>
        `${name}: is required in production with SMTP_URL, which turns on pages for people. ${remedy}`,
    );
}

export function operatorOf(settings: OperatorSettings): OperatorConfig {
  return {
    name: settings.OPERATOR_NAME ?? null,
    contact: settings.OPERATOR_CONTACT ?? null,
    privacyUrl: settings.PRIVACY_URL ?? null,
    termsUrl: settings.TERMS_URL ?? null,
  };
}

/** Returns the link target of a contact. */
export function contactHref(contact: string): string {
  return isEmailAddress(contact) ? `mailto:${contact}` : contact;
}
