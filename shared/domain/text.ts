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
 * Content of a regular expression's class: control and format characters, separators other than the space, characters
 * for private use, and others that are invisible by default. In text that is shown next to MIR's own, they could reorder
 * or imitate it. Written as ranges, because validators of the OpenAPI document do not support Unicode properties.
 */
const DISGUISING = [
  '\\u0000-\\u001f\\u007f-\\u00a0\\u00ad\\u034f\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891\\u08e2\\u115f\\u1160',
  '\\u1680\\u17b4\\u17b5\\u180b-\\u180f\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u3000\\u3164\\ue000-\\uf8ff',
  '\\ufdd0-\\ufdef\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb\\ufffe\\uffff',
  '\u{110bd}\u{110cd}\u{13430}-\u{1343f}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{10ffff}',
].join('');

/** Quotation marks other than apostrophes, and characters that look like them. */
const QUOTES = [
  '"`\\u00ab\\u00b4\\u00bb\\u02b9-\\u02bd\\u02ee\\u2018\\u201a-\\u201f\\u2032-\\u2037\\u2039\\u203a\\u2057\\u275b-\\u2760',
  '\\u2e42\\u300c-\\u300f\\u301d-\\u301f\\ufe41-\\ufe44\\uff02\\uff07\\uff62\\uff63\u{1f676}-\u{1f678}',
].join('');
const APOSTROPHES = "'\\u2019";

/** JSON Schema pattern for a line that is not blank and contains no characters of a class. */
const lineWithout = (characters: string): string => `^[^${characters}]*[^\\s${characters}][^${characters}]*$`;
export const LABEL_PATTERN = lineWithout(DISGUISING + QUOTES + APOSTROPHES);
export const NAME_PATTERN = lineWithout(DISGUISING + QUOTES);

const INVALID_IN_NAMES = new RegExp(`[${DISGUISING}]`, 'u');
const INVALID_QUOTES = new RegExp(`[${QUOTES}]`, 'u');
const INVALID_APOSTROPHES = new RegExp(`[${APOSTROPHES}]`, 'u');

/** Returns what is wrong with a name that is shown next to MIR's own text, or null if it is valid. */
export function nameProblem(text: string): string | null {
  if (INVALID_IN_NAMES.test(text)) {
    return 'Must not contain control, invisible or direction-changing characters, or spaces other than the usual one.';
  }
  return INVALID_QUOTES.test(text) ? 'Must not contain quotation marks.' : identifierProblem(text);
}

/** Returns what is wrong with a label that is shown in quotation marks, or null if it is valid. */
export function labelProblem(text: string): string | null {
  return INVALID_APOSTROPHES.test(text) ? 'Must not contain quotation marks or apostrophes.' : nameProblem(text);
}
