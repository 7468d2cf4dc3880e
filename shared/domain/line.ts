import { z } from 'zod';
import { identifierProblem, LABEL_PATTERN, labelProblem, LINE_PATTERN, NAME_PATTERN, nameProblem } from './text';

const checkedLine = (max: number, problemOf: (text: string) => string | null, pattern: string) =>
  z
    .string()
    .max(max)
    .superRefine((text, check) => {
      const message = problemOf(text);
      if (message !== null) check.addIssue({ code: 'custom', message, params: { code: 'INVALID_TEXT' } });
    })
    .trim()
    .min(1)
    .meta({ pattern });

/** Creates a schema for text on one line, such as a reason: not blank, at most `max` characters before trimming. */
export const lineSchema = (max: number) => checkedLine(max, identifierProblem, LINE_PATTERN);

/**
 * Creates a schema for a name shown next to MIR's own text. Also rejects quotation marks, and invisible and reordering
 * characters.
 */
export const nameSchema = (max: number) => checkedLine(max, nameProblem, NAME_PATTERN);

/** Creates a schema for a label that MIR shows in quotation marks. Also rejects apostrophes, unlike a name. */
export const labelSchema = (max: number) => checkedLine(max, labelProblem, LABEL_PATTERN);
