import { z } from 'zod';
import { MAX_EMAIL_LENGTH } from '../../http/lengths';
import { MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH } from '../../accounts/better-auth';
import type { FormError } from '../design/form';

const emailSchema = z.email().max(MAX_EMAIL_LENGTH);

/** Returns the entered email address without surrounding whitespace. */
export function emailOf(typed: string | undefined): string {
  return (typed ?? '').trim();
}

export function emailErrors(email: string): FormError[] {
  if (email === '') return [{ field: 'email', message: 'Enter your email address.' }];
  if (emailSchema.safeParse(email).success) return [];
  return [{ field: 'email', message: 'Enter a full email address, like ana@example.org.' }];
}

/**
 * Checks only the length of a new password, because requiring character types does not make passwords stronger (NIST SP
 * 800-63B).
 */
export function passwordErrors(password: string): FormError[] {
  const error = (message: string): FormError[] => [{ field: 'password', message }];
  if (password === '') return error('Choose a password.');
  if (password.length < MIN_PASSWORD_LENGTH)
    return error(`This password is too short. Use at least ${MIN_PASSWORD_LENGTH} characters.`);
  if (password.length > MAX_PASSWORD_LENGTH)
    return error(`This password is too long. Use at most ${MAX_PASSWORD_LENGTH} characters.`);
  return [];
}

export const PASSWORD_HINT = `At least ${MIN_PASSWORD_LENGTH} characters. A few random words are easy to remember.`;
