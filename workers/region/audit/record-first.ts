import type { AuditEntry } from "../../../schema/audit/entry.ts";
import { sealMessage } from "../../../schema/audit/message.ts";
import { shardOf } from "../../../schema/shard.ts";
import { AppError } from "../../../schema/errors.ts";
import { newId, timeOfId } from "../../../schema/ids.ts";
import type { Served } from "../../serve/served.ts";
import { settingsOf } from "../settings.ts";
import { auditLogOf } from "./log-of.ts";

/** What is about to be done, and to whose log it belongs. */
export interface Intent {
  readonly customerId: string;
  readonly action: string;
  readonly resourceType: string;
  readonly resourceId: string;
  /** Free text: the reason. Personal, and sealed as such. */
  readonly detail: string;
}

/**
 * Writes the audit record of something before it is done, into this region's Postgres, and returns the record's id; null for somebody of another
 * region, of whom the edge makes the record at home as always. 503 if the record cannot
 * be had there: then it must not be done. The log's own object writes it, past the queue, so that it stands when this resolves.
 */
export async function recordFirst(intent: Intent, served: Served, env: RegionEnv): Promise<string | null> {
  const { region, audit, auditShards } = settingsOf(env);
  const { actor } = served;
  // Somebody of another region leaves here what was done and why, and the rest at home.
  const atHome = actor === null || actor.type === "operator" || actor.region === region;
  const id = newId("auditRecord");
  const entry: AuditEntry = {
    id,
    customer_id: intent.customerId,
    user_id: actor?.type === "user" ? actor.id : null,
    api_key_id: actor?.type === "api_key" ? actor.id : null,
    action: intent.action,
    resource_type: intent.resourceType,
    resource_id: intent.resourceId,
    outcome: "success",
    timestamp: timeOfId(id),
    request_id: served.requestId,
    ip_address: atHome ? served.clientAddress.slice(0, 64) : null,
    user_agent: atHome ? (served.userAgent?.slice(0, 512) ?? null) : null,
    detail: intent.detail.slice(0, 1024),
  };
  const shard = shardOf(intent.customerId, auditShards);
  const message = await sealMessage([entry], { id: newId("message"), region, shard }, await audit.ownPublicKey());
  const [outcome] = await auditLogOf(env, shard)
    .write([message])
    .catch((cause: unknown) => {
      throw notRecorded(cause);
    });
  if (outcome?.kind !== "written") throw notRecorded(outcome?.kind);
  return atHome ? id : null;
}

function notRecorded(cause: unknown): AppError {
  return new AppError("unavailable", { detail: "This cannot be recorded now, and so it is not done.", cause });
}
