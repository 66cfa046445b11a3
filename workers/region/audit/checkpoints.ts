import { parseCheckpoint } from "../../../durable-objects/audit-log/checkpoint/checkpoint.ts";
import { formatVerifierKey, openNote } from "../../../durable-objects/audit-log/checkpoint/note.ts";
import { shardOf } from "../../../schema/shard.ts";
import { AppError } from "../../../schema/errors.ts";
import { settingsOf } from "../settings.ts";
import { auditLogOf } from "./log-of.ts";
import type { AuditSql } from "./read.ts";

/** A signed checkpoint of a customer's log, and the key that it is signed with. */
export interface SignedCheckpoint {
  readonly size: number;
  readonly note: string;
  readonly verifierKey: string;
}

/** The key that checkpoints of a customer's log are signed with (https://c2sp.org/signed-note). */
export async function verifierKeyOf(env: RegionEnv, customerId: string): Promise<string> {
  const { name, publicKey } = await settingsOf(env).audit.signer(customerId);
  return formatVerifierKey(name, publicKey);
}

/**
 * Has a customer's log signed as it is now. 503 when it cannot be signed just now, and also when what Postgres has does not continue what
 * was signed before: then an operator has been alerted, and nothing may be vouched for.
 */
export async function signNow(env: RegionEnv, customerId: string): Promise<SignedCheckpoint> {
  const { auditShards } = settingsOf(env);
  try {
    const signed = await auditLogOf(env, shardOf(customerId, auditShards)).checkpoint(customerId);
    if (signed.kind === "signed") {
      return { size: signed.size, note: signed.note, verifierKey: await verifierKeyOf(env, customerId) };
    }
  } catch (cause) {
    throw new AppError("unavailable", { cause });
  }
  throw new AppError("unavailable", {
    detail: "The log does not continue its last checkpoint. It is being looked into.",
  });
}

/** The oldest kept checkpoint that covers a leaf; null if none does yet, or if it was not signed with the region's key. */
export async function checkpointCovering(
  env: RegionEnv,
  sql: AuditSql,
  customerId: string,
  leafIndex: number,
): Promise<SignedCheckpoint | null> {
  const [row] = await sql<{ note: string }[]>`
    select note from audit_checkpoints where customer_id = ${customerId} and size > ${leafIndex} order by size limit 1`;
  if (row === undefined) return null;
  const verifierKey = await verifierKeyOf(env, customerId);
  const opened = await openNote(row.note, [verifierKey]);
  const checkpoint = opened === null ? null : parseCheckpoint(opened.text);
  return checkpoint === null ? null : { size: checkpoint.size, note: row.note, verifierKey };
}
