import type { GateObject } from "../../../durable-objects/gate/gate.ts";
import { objectIn } from "../../../durable-objects/jurisdiction.ts";
import { AppError } from "../../../schema/errors.ts";
import type { apiKeys } from "../../../schema/tables/region/api-keys.ts";
import { settingsOf } from "../settings.ts";

/**
 * Tells the Gate of a principal of a change that is committed, before the client is answered. If the Gate cannot be told the
 * request fails with 503, and repeating it tells the Gate again: what calls this is idempotent.
 */
export async function tellGate(
  env: RegionEnv,
  principalId: string,
  tell: (gate: DurableObjectStub<GateObject>) => Promise<void>,
): Promise<void> {
  const { region, environment } = settingsOf(env);
  const namespace = env.GATE as unknown as DurableObjectNamespace<GateObject>;
  try {
    await tell(objectIn(namespace, region, principalId, environment));
  } catch (cause) {
    throw new AppError("unavailable", { detail: "The change is stored but not yet in force. Send it again.", cause });
  }
}

/** Tells the Gates of API keys what Postgres now has of them. */
export async function tellGatesOfKeys(
  env: RegionEnv,
  keys: readonly Pick<typeof apiKeys.$inferSelect, "id" | "version" | "revokedAt" | "expiresAt">[],
): Promise<void> {
  await Promise.all(
    keys.map((key) =>
      tellGate(env, key.id, (gate) =>
        gate.updateKey({
          status: key.revokedAt === null ? "active" : "disabled",
          expires_at: key.expiresAt?.getTime() ?? null,
          version: key.version,
        }),
      ),
    ),
  );
}
