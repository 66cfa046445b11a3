import type { AuditLogObject } from "../../../durable-objects/audit-log/audit-log.ts";
import { objectIn } from "../../../durable-objects/jurisdiction.ts";
import { settingsOf } from "../settings.ts";

/** The `AuditLog` object of a shard of this region. */
export function auditLogOf(env: RegionEnv, shard: number): DurableObjectStub<AuditLogObject<RegionEnv>> {
  const { region, environment } = settingsOf(env);
  const namespace = env.AUDIT_LOG as unknown as DurableObjectNamespace<AuditLogObject<RegionEnv>>;
  return objectIn(namespace, region, `shard-${shard}`, environment);
}
