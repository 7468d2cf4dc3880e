import type { Route } from '../../../api/http/route';
import { BARE_ROUTES, PARTNER_ROUTES } from '../../../api/routes';

/** A JSON route with all paths at which it is served. */
export interface MountedRoute {
  name: string;
  route: Route;
  urls: string[];
}

/** Every JSON route. Express sees these paths with and without the prefix. */
export const MOUNTED_ROUTES: readonly MountedRoute[] = [
  ...PARTNER_ROUTES.map((route) => {
    const paths = [route.path, ...(route.aliases ?? [])];
    return { route, urls: paths.flatMap((path) => [`/v1${path}`, ...(route.v1Only ? [] : [path])]) };
  }),
  ...BARE_ROUTES.map((route) => ({ route, urls: [route.path] })),
].map((one) => ({ ...one, name: `${one.route.method} ${one.route.path}` }));
