import { expect } from '@jest/globals';
import type { ProblemCode } from '../../shared/errors';
import type { TestAnswer } from './client';

/** One entry of a problem's `errors`. */
interface NamedError {
  path: string;
  code: string;
  message: string;
}

/** Expects an RFC 9457 answer, whole: media type, type, title, detail, and the request id of the header. */
export function expectProblem(answer: TestAnswer, status: number, code: ProblemCode): void {
  expect({ status: answer.status, mediaType: answer.headers.get('content-type'), body: answer.body }).toMatchObject({
    status,
    mediaType: 'application/problem+json',
    body: {
      type: expect.stringMatching(new RegExp(`^https?://[^/]+/errors/${code}$`)),
      title: expect.stringMatching(/\S/),
      detail: expect.stringMatching(/\S/),
      status,
      code,
      requestId: answer.headers.get('x-request-id'),
    },
  });
  expect(answer.body.requestId).toMatch(/^[\w.:-]{1,128}$/);
}

/** `path code` of every named error, in order. */
export function errorsOf(answer: TestAnswer): string[] {
  return ((answer.body.errors ?? []) as NamedError[]).map(({ path, code }) => `${path} ${code}`);
}
