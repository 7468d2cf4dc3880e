import { guidePage } from '../guide/guide-page';
import type { Page } from './page';

/** THE table of pages for people: bare paths only, not under /v1, not in the OpenAPI document. */
export const PAGES: readonly Page[] = [guidePage];
