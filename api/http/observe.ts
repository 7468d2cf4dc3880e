import type { Metrics } from '../../shared/platform/metrics';

const CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'];

/** Returns the recorder of one route's answers; the label sets are made once. */
export function observer(
  metrics: Metrics,
  routePath: string,
  method: string,
): (status: number, startedAtMs: number) => void {
  const series = CLASSES.map((status_class) =>
    metrics.requestSeconds.labels({ route: routePath, method, status_class }),
  );
  return (status, startedAtMs) => {
    series[Math.floor(status / 100) - 1]?.observe((performance.now() - startedAtMs) / 1000);
  };
}
