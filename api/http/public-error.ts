import { type ErrorParams, type FieldError, MirError, type ProblemCode } from '../../shared/errors';

/** An error with its own public text. API clients and users see `detail`. */
export class PublicError extends MirError {
  readonly headers: Record<string, string> | undefined;
  constructor(
    code: ProblemCode,
    readonly detail: string,
    {
      headers,
      ...more
    }: {
      headers?: Record<string, string>;
      params?: ErrorParams;
      errors?: FieldError[];
      retryAfterSeconds?: number;
      cause?: unknown;
    } = {},
  ) {
    super(code, detail, more);
    this.headers = headers;
  }
}
