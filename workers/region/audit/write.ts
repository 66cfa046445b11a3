import { consumeAudit } from "../../../queues/audit/consume.ts";
import { auditLogOf } from "./log-of.ts";

/** Consumes a batch of the region's audit queue. */
export function writeAudit(batch: MessageBatch, env: RegionEnv): Promise<void> {
  return consumeAudit(batch, {
    write: (shard, messages) => auditLogOf(env, shard).write([...messages]),
    bury: (letter) => env.AUDIT_DEAD.send(letter, { contentType: "json" }),
  });
}
