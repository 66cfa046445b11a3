/** Epoch milliseconds, with fractions: to be compared between processes of one machine. */
export function epochMs(): number {
  return performance.timeOrigin + performance.now();
}
