/** ASCII control characters, including NUL. They never belong in an ID and are dangerous in logs and terminals. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f]/;

/** JSON Schema pattern for text that `identifierProblem` accepts. Used in the OpenAPI document. */
export const IDENTIFIER_PATTERN = '^[^\\u0000-\\u001f\\u007f]*$';

/** JSON Schema patterns for a single line, and for text that may contain line breaks and tabs. Neither pattern matches blank text. */
export const LINE_PATTERN = '^[^\\u0000-\\u001f\\u007f]*[^\\s\\u0000-\\u001f\\u007f][^\\u0000-\\u001f\\u007f]*$';
export const PARAGRAPHS_PATTERN =
  '^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f]*[^\\s\\u0000-\\u001f\\u007f][^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f]*$';

/** Returns what is wrong with an identifier or label, or null if it is valid. */
export function identifierProblem(text: string): string | null {
  if (CONTROL.test(text)) return 'Must not contain control characters, such as line breaks.';
  return text.isWellFormed() ? null : 'Must be well-formed Unicode, without lone surrogates.';
}

/**
 * Invisible and reordering characters (Unicode TR36). In a label, such characters could disguise the surrounding text.
 */
const DISGUISE = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/;

/** JSON Schema pattern for a line without invisible or reordering characters. */
export const LABEL_PATTERN = LINE_PATTERN.replaceAll(
  '\\u007f]',
  '\\u007f\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff]',
);

/** Returns what is wrong with a line that is shown next to MIR's own text, or null if it is valid. */
export function labelProblem(text: string): string | null {
  return DISGUISE.test(text) ? 'Must not contain invisible or direction-changing characters.' : null;
}
