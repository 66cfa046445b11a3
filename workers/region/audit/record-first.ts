import { sealMessage } from "../../../schema/audit/message.ts";
import { shardOf } from "../../../schema/shard.ts";
import { AppError } from "../../../schema/errors.ts";
import { newId } from "../../../schema/ids.ts";
import type { Served } from "../../serve/served.ts";
import { settingsOf } from "../settings.ts";
import { entryOf, isAtHome, type Described } from "./entry-of.ts";
import { auditLogOf } from "./log-of.ts";

/** What is about to be done, and to whose log it belongs. */
export interface Intent extends Described {
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
  const entry = entryOf(intent, served, region);
  const { id } = entry;
  const shard = shardOf(intent.customerId, auditShards);
  const message = await sealMessage([entry], { id: newId("message"), region, shard }, await audit.ownPublicKey());
  const [outcome] = await auditLogOf(env, shard)
    .write([message])
    .catch((cause: unknown) => {
      throw notRecorded(cause);
    });
  if (outcome?.kind !== "written") throw notRecorded(outcome?.kind);
  return isAtHome(served, region) ? id : null;
}

function notRecorded(cause: unknown): AppError {
  return new AppError("unavailable", { detail: "This cannot be recorded now, and so it is not done.", cause });
}
