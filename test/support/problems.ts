import { expect } from '@jest/globals';
import type { ProblemCode } from '../../shared/errors';
import type { TestResponse } from './client';

/** An entry in a problem's `errors`. */
interface FieldError {
  path: string;
  code: string;
  message: string;
}

/** Expects a complete RFC 9457 response: the media type, type, title, detail, and the request ID from the header. */
export function expectProblem(response: TestResponse, status: number, code: ProblemCode): void {
  expect({
    status: response.status,
    mediaType: response.headers.get('content-type'),
    body: response.body,
  }).toMatchObject({
    status,
    mediaType: 'application/problem+json',
    body: {
      type: expect.stringMatching(new RegExp(`^https?://[^/]+/errors/${code}$`)),
      title: expect.stringMatching(/\S/),
      detail: expect.stringMatching(/\S/),
      status,
      code,
      requestId: response.headers.get('x-request-id'),
    },
  });
  expect(response.body.requestId).toMatch(/^[\w.:-]{1,128}$/);
}

/** Returns `path code` for each entry in `errors`, in order. */
export function errorsOf(response: TestResponse): string[] {
  return ((response.body.errors ?? []) as FieldError[]).map(({ path, code }) => `${path} ${code}`);
}
