/** The value below which `part` (0 to 1) of the numbers are; NaN without numbers. */
export function quantile(numbers: readonly number[], part: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}

/** The middle of the numbers; NaN without numbers. */
export function median(numbers: readonly number[]): number {
  return quantile(numbers, 0.5);
}
