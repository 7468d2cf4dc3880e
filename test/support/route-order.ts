import type { Express } from 'express';

/** A route mounted in Express. A request goes to the first route that matches. */
interface Layer {
  match(path: string): boolean;
  route?: { path: string | string[]; methods: Record<string, boolean> };
}

/** A value that does not occur in any static path. */
const ANY = 'zzz';

/** Returns a request path for a route, with a value for each parameter and without optional parts. */
const requestPath = (template: string): string => template.replaceAll(/\{[^}]*\}/g, '').replaceAll(/:\w+/g, ANY);

/** Returns the routes that no request reaches, because an earlier route matches: `GET /a/find: shadowed by /a/:id`. */
export function shadowedRoutes(app: Express): { checked: string[]; shadowed: string[] } {
  const layers = (app.router.stack as unknown as Layer[]).filter(({ route }) => route !== undefined);
  const pathsOf = ({ route }: Layer): string[] => [route!.path].flat();
  const checked: string[] = [];
  const shadowed: string[] = [];
  for (const layer of layers) {
    // The handlers that return 405 are mounted for all methods, so they are checked too.
    for (const method of Object.keys(layer.route!.methods)) {
      for (const template of pathsOf(layer)) {
        const path = requestPath(template);
        const first = layers.find((one) => one.route!.methods[method] === true && one.match(path));
        const name = `${method.toUpperCase()} ${template}`;
        checked.push(name);
        if (!first || !pathsOf(first).includes(template)) {
          shadowed.push(`${name}: shadowed by ${first ? pathsOf(first).join(', ') : 'no route'}`);
        }
      }
    }
  }
  return { checked, shadowed };
}
