import type { Express } from 'express';

/** What Express keeps of a mounted route, first come, first asked. */
interface Layer {
  match(path: string): boolean;
  route?: { path: string | string[]; methods: Record<string, boolean> };
}

/** A value that no static path has. */
const ANY = 'zzz';

/** A path as a request asks for it: a value for each parameter, nothing for what is optional. */
const askedPath = (template: string): string => template.replaceAll(/\{[^}]*\}/g, '').replaceAll(/:\w+/g, ANY);

/** The mounted paths that another, mounted before, takes requests from: `GET /a/find: taken by /a/:id`. */
export function shadowedRoutes(app: Express): { checked: string[]; shadowed: string[] } {
  const layers = (app.router.stack as unknown as Layer[]).filter(({ route }) => route !== undefined);
  const pathsOf = ({ route }: Layer): string[] => [route!.path].flat();
  const checked: string[] = [];
  const shadowed: string[] = [];
  for (const layer of layers) {
    // The 405 of a path is mounted with all methods, so it is checked, too.
    for (const method of Object.keys(layer.route!.methods)) {
      for (const template of pathsOf(layer)) {
        const asked = askedPath(template);
        const first = layers.find((one) => one.route!.methods[method] === true && one.match(asked));
        const name = `${method.toUpperCase()} ${template}`;
        checked.push(name);
        if (!first || !pathsOf(first).includes(template)) {
          shadowed.push(`${name}: taken by ${first ? pathsOf(first).join(', ') : 'no route'}`);
        }
      }
    }
  }
  return { checked, shadowed };
}
