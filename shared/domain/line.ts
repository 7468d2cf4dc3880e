import { z } from 'zod';
import { identifierProblem, LINE_PATTERN } from './text';

/** A label, name or reason: one line of at most `max` characters as sent, then trimmed; not blank, no control characters. */
export const lineSchema = (max: number) =>
  z
    .string()
    .max(max)
    .superRefine((text, check) => {
      const message = identifierProblem(text);
      if (message !== null) check.addIssue({ code: 'custom', message, params: { code: 'INVALID_TEXT' } });
    })
    .trim()
    .min(1)
    .meta({ pattern: LINE_PATTERN });
