import { prices, type Usage } from "./prices.ts";

const kinds = Object.keys(prices) as (keyof Usage)[];

/** Usage of nothing. */
export const noUsage: Usage = mapUsage(() => 0);

/** What was used between two readings. */
export function difference(after: Usage, before: Usage): Usage {
  return mapUsage((kind) => after[kind] - before[kind]);
}

/** Usage divided by the number of events that caused it. */
export function perEvent(usage: Usage, events: number): Usage {
  return mapUsage((kind) => usage[kind] / events);
}

/** The sum of usages, each multiplied by how often it happens. */
export function sumOf(parts: readonly { readonly usage: Usage; readonly times: number }[]): Usage {
  return mapUsage((kind) => parts.reduce((sum, { usage, times }) => sum + usage[kind] * times, 0));
}

/** Dollars for a million times this usage. */
export function dollarsPerMillion(usage: Usage): number {
  return kinds.reduce((sum, kind) => sum + usage[kind] * prices[kind].perMillion, 0);
}

/** The bill of a million times this usage, one line a kind; dollars and units in the strings that a table shows. */
export function billOf(usage: Usage): Record<string, { readonly count: string; readonly dollars: string }> {
  const lines = kinds.map((kind) => {
    const { name, perMillion } = prices[kind];
    return [name, { count: usage[kind].toFixed(4), dollars: (usage[kind] * perMillion).toFixed(3) }] as const;
  });
  return Object.fromEntries([...lines, ["all", { count: "", dollars: dollarsPerMillion(usage).toFixed(3) }]]);
}

function mapUsage(valueOf: (kind: keyof Usage) => number): Usage {
  return Object.fromEntries(kinds.map((kind) => [kind, valueOf(kind)])) as unknown as Usage;
}
