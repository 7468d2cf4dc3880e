/** Control characters of ASCII, NUL among them: never part of an id, and hostile to logs and terminals. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f]/;

/** The same for readers of the OpenAPI document: a JSON Schema pattern of texts that `identifierProblem` lets pass. */
export const IDENTIFIER_PATTERN = '^[^\\u0000-\\u001f\\u007f]*$';

/** The same for a line, and for a text with line breaks and tabs: neither is blank. */
export const LINE_PATTERN = '^[^\\u0000-\\u001f\\u007f]*[^\\s\\u0000-\\u001f\\u007f][^\\u0000-\\u001f\\u007f]*$';
export const PARAGRAPHS_PATTERN =
  '^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f]*[^\\s\\u0000-\\u001f\\u007f][^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f]*$';

/** What is wrong with a text that is meant to be an identifier or label, or null. */
export function identifierProblem(text: string): string | null {
  if (CONTROL.test(text)) return 'must not contain control characters (NUL, line breaks, …)';
  return text.isWellFormed() ? null : 'must be well-formed Unicode (no lone surrogates)';
}

/** Marks that reorder or hide what stands beside them (Unicode TR36): a label with one could disguise the words after it. */
const DISGUISE = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/;

/** The same for readers of the OpenAPI document: a line without such marks. */
export const LABEL_PATTERN = LINE_PATTERN.replaceAll(
  '\\u007f]',
  '\\u007f\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff]',
);

/** What is wrong with a line that is shown to a person beside words of ours, or null. */
export function labelProblem(text: string): string | null {
  return DISGUISE.test(text) ? 'must not contain invisible or direction-changing characters' : null;
}
