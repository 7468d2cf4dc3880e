import { type ErrorParams, type FieldError, MirError, type ProblemCode } from '../../shared/errors';

/** An error with its own public text. Callers see `detail`, so write it for them. */
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
