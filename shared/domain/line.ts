import { z } from 'zod';
import { identifierProblem, LABEL_PATTERN, labelProblem, LINE_PATTERN } from './text';

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

/** A line that people read beside words of ours, in a place where they decide: no invisible or reordering characters. */
export const labelSchema = (max: number) =>
  lineSchema(max)
    .superRefine((text, check) => {
      const message = labelProblem(text);
      if (message !== null) check.addIssue({ code: 'custom', message, params: { code: 'INVALID_TEXT' } });
    })
    .meta({ pattern: LABEL_PATTERN });
