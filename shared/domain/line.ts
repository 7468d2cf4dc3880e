import { z } from 'zod';
import { identifierProblem, LABEL_PATTERN, labelProblem, LINE_PATTERN } from './text';

/** Creates a schema for a label, name or reason: one line, not blank, at most `max` characters before trimming. */
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

/** Creates a schema for a line shown next to MIR's own text. Also rejects invisible and reordering characters. */
export const labelSchema = (max: number) =>
  lineSchema(max)
    .superRefine((text, check) => {
      const message = labelProblem(text);
      if (message !== null) check.addIssue({ code: 'custom', message, params: { code: 'INVALID_TEXT' } });
    })
    .meta({ pattern: LABEL_PATTERN });
