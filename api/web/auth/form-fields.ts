import { z } from 'zod';
import { MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH } from '../../accounts/better-auth';
import type { FormError } from '../design/form';

const MAX_EMAIL_LENGTH = 254;
const emailSchema = z.email().max(MAX_EMAIL_LENGTH);

/** An e-mail address as typed, without the blanks around it. */
export function emailOf(given: string | undefined): string {
  return (given ?? '').trim();
}

export function emailErrors(email: string): FormError[] {
  if (email === '') return [{ field: 'email', message: 'Enter your e-mail address.' }];
  if (emailSchema.safeParse(email).success) return [];
  return [{ field: 'email', message: 'Enter a whole e-mail address, like ana@example.org.' }];
}

/** What is wrong with a new password. Length alone counts: no rule about signs makes a password better. */
export function passwordErrors(password: string): FormError[] {
  const error = (message: string): FormError[] => [{ field: 'password', message }];
  if (password === '') return error('Choose a password.');
  if (password.length < MIN_PASSWORD_LENGTH)
    return error(`Choose a longer password: at least ${MIN_PASSWORD_LENGTH} characters.`);
  if (password.length > MAX_PASSWORD_LENGTH)
    return error(`Choose a shorter password: at most ${MAX_PASSWORD_LENGTH} characters.`);
  return [];
}

export const PASSWORD_HINT = `At least ${MIN_PASSWORD_LENGTH} characters. A few words in a row are easy to remember.`;
