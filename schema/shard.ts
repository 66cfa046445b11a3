/** Which of a region's `shards` objects a customer belongs to: FNV-1a of its id, so that every Worker computes the same. */
export function shardOf(customerId: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < customerId.length; at++) hash = Math.imul(hash ^ customerId.charCodeAt(at), 0x01000193) >>> 0;
  return hash % shards;
}
