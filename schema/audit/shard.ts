/** Which of a region's `shards` audit logs a customer's records go to: FNV-1a of its id, so that everybody computes the same. */
export function shardOf(customerId: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < customerId.length; at++) hash = Math.imul(hash ^ customerId.charCodeAt(at), 0x01000193) >>> 0;
  return hash % shards;
}
