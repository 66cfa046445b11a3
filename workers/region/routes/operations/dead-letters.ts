import { and, desc, eq, isNotNull, isNull, lt } from "drizzle-orm";
import { auditMessageSchema } from "../../../../schema/audit/message.ts";
import { AppError } from "../../../../schema/errors.ts";
import type { listDeadLetters, replayDeadLetter } from "../../../../schema/http/operations.ts";
import { deadLetters } from "../../../../schema/tables/region/audit-logs.ts";
import { withDatabase } from "../../../serve/database.ts";
import { pageOfRows, readCursor } from "../../../serve/page.ts";
import type { Handler } from "../../../serve/serve.ts";
import { auditLogOf } from "../../audit/log-of.ts";

type Row = typeof deadLetters.$inferSelect;

/** Lists dead letters without their bodies. */
export const handleListDeadLetters: Handler<typeof listDeadLetters, RegionEnv> = async ({ query }, served, env) => {
  const after = readCursor(query.cursor);
  const state = query.state === "waiting" ? isNull(deadLetters.replayedAt) : isNotNull(deadLetters.replayedAt);
  const rows = await withDatabase(
    env.DB_AUDIT,
    (database) =>
      database
        .select()
        .from(deadLetters)
        .where(and(state, after === null ? undefined : lt(deadLetters.id, after)))
        .orderBy(desc(deadLetters.id))
        .limit(query.limit + 1),
    served.waitUntil,
  );
  return { status: 200, body: pageOfRows(rows, query.limit, (row) => row.id, present) };
};

/** Hands a dead letter to the log again: after a key was put back, or a fault was mended. What is written already is written once. */
export const handleReplayDeadLetter: Handler<typeof replayDeadLetter, RegionEnv> = ({ params }, served, env) =>
  withDatabase(
    env.DB_AUDIT,
    async (database) => {
      const named = eq(deadLetters.id, params.id);
      const [row] = await database.select().from(deadLetters).where(named);
      if (row === undefined) throw new AppError("not_found");
      if (row.replayedAt !== null) return { status: 200, body: present(row) };
      const message = auditMessageSchema.safeParse(parseJson(row.body));
      if (!message.success) throw stillDead("malformed");
      const [outcome = { kind: "away" }] = await auditLogOf(env, message.data.shard).write([message.data]);
      if (outcome.kind === "away") throw new AppError("unavailable");
      if (outcome.kind === "poison") throw stillDead(outcome.reason);
      const replayedAt = new Date();
      await database.update(deadLetters).set({ replayedAt }).where(named);
      return { status: 200, body: present({ ...row, replayedAt }) };
    },
    served.waitUntil,
  );

function stillDead(reason: string): AppError {
  return new AppError("conflict", { detail: `It still cannot be taken: ${reason}.` });
}

function present(row: Row) {
  return {
    id: row.id,
    queue: row.queue,
    reason: row.reason,
    received_at: row.receivedAt.toISOString(),
    replayed_at: row.replayedAt?.toISOString() ?? null,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
