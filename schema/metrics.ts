/** A number with a name, as Prometheus has it. Labels hold names of regions and queues, nothing else. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter";
  readonly samples: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

/** Metrics in the text format (https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format); those of one name together. */
export function formatMetrics(metrics: readonly Metric[]): string {
  const lines: string[] = [];
  for (const [name, same] of Map.groupBy(metrics, (metric) => metric.name)) {
    const [{ help, type } = { help: "", type: "gauge" }] = same;
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const { labels, value } of same.flatMap((metric) => metric.samples)) {
      const shown = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
      lines.push(`${name}${shown.length > 0 ? `{${shown.join(",")}}` : ""} ${value}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
