/** Value units of Grafana that the panels use. */
type Unit = 's' | 'reqps' | 'ops' | 'short' | 'bytes' | 'percentunit' | 'none';

/** One line of a panel: a PromQL expression and its legend (`{{label}}` is filled in by Grafana). */
type Series = [expr: string, legend: string];

interface PanelSpec {
  title: string;
  /** What it shows and how to read it, in one sentence. */
  description: string;
  unit: Unit;
  series: Series[];
  /** `stat` shows the value of now large, and nothing where there is none: one of an hour ago would look like now. */
  kind?: 'timeseries' | 'stat';
  /** A value from which a panel turns red: where an alert stands. */
  redFrom?: number;
}

export interface DashboardSpec {
  uid: string;
  title: string;
  description: string;
  panels: PanelSpec[];
}

const COLUMNS = 24;
const WIDTH = 8;
const HEIGHT = 8;
const DATASOURCE = { type: 'prometheus', uid: 'mir-prometheus' };
/** Of Grafana's dashboard JSON; newer ones migrate it. */
const SCHEMA_VERSION = 39;

function thresholds(redFrom: number | undefined): unknown {
  const steps = [{ color: 'green', value: null }, ...(redFrom === undefined ? [] : [{ color: 'red', value: redFrom }])];
  return { mode: 'absolute', steps };
}

function panel({ title, description, unit, series, kind = 'timeseries', redFrom }: PanelSpec, at: number): unknown {
  const perRow = COLUMNS / WIDTH;
  const lines = { drawStyle: 'line', fillOpacity: 10, lineWidth: 1, showPoints: 'never', spanNulls: false };
  const custom = { ...lines, thresholdsStyle: { mode: redFrom === undefined ? 'off' : 'line' } };
  return {
    id: at + 1,
    type: kind,
    title,
    description,
    datasource: DATASOURCE,
    gridPos: { x: (at % perRow) * WIDTH, y: Math.floor(at / perRow) * HEIGHT, w: WIDTH, h: HEIGHT },
    fieldConfig: {
      defaults: { unit, min: 0, thresholds: thresholds(redFrom), ...(kind === 'timeseries' ? { custom } : {}) },
      overrides: [],
    },
    options:
      kind === 'timeseries'
        ? {
            legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
            tooltip: { mode: 'multi', sort: 'desc' },
          }
        : {
            colorMode: 'value',
            graphMode: 'none',
            reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
          },
    targets: series.map(([expr, legendFormat], n) => ({
      refId: String.fromCodePoint('A'.codePointAt(0)! + n),
      datasource: DATASOURCE,
      expr,
      legendFormat,
      ...(kind === 'stat' ? { instant: true, range: false } : { range: true }),
    })),
  };
}

/** The JSON of a Grafana dashboard: panels in rows of three, in the order given. */
export function dashboard({ uid, title, description, panels }: DashboardSpec): unknown {
  return {
    uid,
    title: `MIR / ${title}`,
    description,
    tags: ['mir'],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: false,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    timezone: 'browser',
    annotations: { list: [] },
    templating: { list: [] },
    links: [{ title: 'MIR', type: 'dashboards', tags: ['mir'], asDropdown: true, keepTime: true }],
    panels: panels.map(panel),
  };
}

/** A quantile of a histogram over the last minutes; `by` keeps labels. */
export function quantile(q: number, metric: string, selector = '', by: string[] = []): string {
  return `histogram_quantile(${q}, sum by (${['le', ...by].join(', ')}) (rate(${metric}_bucket${selector}[$__rate_interval])))`;
}

/** The rate of a counter, summed but for the labels in `by`. */
export function rate(metric: string, selector = '', by: string[] = []): string {
  const inner = `(rate(${metric}${selector}[$__rate_interval]))`;
  return by.length === 0 ? `sum${inner}` : `sum by (${by.join(', ')}) ${inner}`;
}
