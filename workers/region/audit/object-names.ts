/** Digits of a tree's size in a name: names sort as sizes do. */
const sizeDigits = 16;

/** Where in the region's bucket a checkpoint is. */
export function checkpointKey(customerId: string, size: number): string {
  return `audit/${customerId}/checkpoints/${String(size).padStart(sizeDigits, "0")}`;
}

/** Where the last of a customer's checkpoints is, besides. */
export function lastCheckpointKey(customerId: string): string {
  return `audit/${customerId}/checkpoint`;
}

/** Where in the region's bucket a customer's day is; `part` counts what came after the day had been stored before. */
export function dayKey(customerId: string, day: string, part: number): string {
  return `audit/${customerId}/days/${day}.${part}.ndjson.gz`;
}
