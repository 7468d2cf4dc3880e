import { IncomingMessage, ServerResponse } from 'node:http';
import type { Express } from 'express';
import type { MessageClasses } from '../../shared/process/listen';

/**
 * Gives an app classes from which the server creates requests and responses. Express sets the prototype of every request
 * and response to `app.request` and `app.response`, after which V8 can optimize neither, and collects about 15 kB of
 * garbage per request from the old generation. With these classes, the prototype is right from the start. See
 * https://github.com/expressjs/express/issues/5998.
 */
export function withMessageClasses<App extends Express>(app: App): App & MessageClasses {
  class AppRequest extends IncomingMessage {}
  class AppResponse<Received extends IncomingMessage> extends ServerResponse<Received> {}
  Object.setPrototypeOf(AppRequest.prototype, app.request);
  Object.setPrototypeOf(AppResponse.prototype, app.response);
  app.request = AppRequest.prototype as typeof app.request;
  app.response = AppResponse.prototype as typeof app.response;
  return Object.assign(app, { IncomingMessage: AppRequest, ServerResponse: AppResponse });
}
