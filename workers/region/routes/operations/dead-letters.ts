import { and, desc, eq, gt, isNotNull, isNull, lt } from "drizzle-orm";
import { webhookMessageSchema } from "../../../../schema/webhooks/message.ts";
import { auditMessageSchema } from "../../../../schema/audit/message.ts";
import type { WriteOutcome } from "../../../../schema/audit/written.ts";
import { AppError } from "../../../../schema/errors.ts";
import type { listDeadLetters, replayDeadLetter, replayDeadLetters } from "../../../../schema/http/operations.ts";
import { deadLetters } from "../../../../schema/tables/region/audit-logs.ts";
import { withDatabase } from "../../../serve/database.ts";
import type { Database } from "../../../serve/drizzle.ts";
import { pageOfRows, readCursor } from "../../../serve/page.ts";
import type { Handler } from "../../../serve/serve.ts";
import { auditLogOf } from "../../audit/log-of.ts";
import { courierOf } from "../../webhooks/courier-of.ts";

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
    served.invocation,
  );
  return { status: 200, body: pageOfRows(rows, query.limit, (row) => row.id, present) };
};

/** Hands a dead letter to the log again: after a key was put back, or a fault was mended. What is written already is written once. */
export const handleReplayDeadLetter: Handler<typeof replayDeadLetter, RegionEnv> = ({ params }, served, env) =>
  withDatabase(
    env.DB_AUDIT,
    async (database) => {
      const [row] = await database.select().from(deadLetters).where(eq(deadLetters.id, params.id));
      if (row === undefined) throw new AppError("not_found");
      if (row.replayedAt !== null) return { status: 200, body: present(row) };
      const outcome = await replay(env, database, row);
      if (outcome.kind === "away") throw new AppError("unavailable");
      if (outcome.kind === "poison")
        throw new AppError("conflict", { detail: `It still cannot be taken: ${outcome.reason}.` });
      return { status: 200, body: present({ ...row, replayedAt: new Date() }) };
    },
    served.invocation,
  );

/** How long one request may replay, in milliseconds. */
const sliceMs = 10_000;
/** Letters that are read at once. */
const pageRows = 50;

/** Hands every waiting letter to the log again, oldest id first. */
export const handleReplayDeadLetters: Handler<typeof replayDeadLetters, RegionEnv> = (_input, served, env) =>
  withDatabase(
    env.DB_AUDIT,
    async (database) => {
      const deadline = Date.now() + sliceMs;
      const waiting = isNull(deadLetters.replayedAt);
      let replayed = 0;
      let refused = 0;
      for (let after = ""; Date.now() < deadline;) {
        // oxlint-disable no-await-in-loop -- a page, and a letter, after the other
        const rows = await database
          .select()
          .from(deadLetters)
          .where(and(waiting, gt(deadLetters.id, after)))
          .orderBy(deadLetters.id)
          .limit(pageRows);
        for (const row of rows) {
          const outcome = await replay(env, database, row);
          if (outcome.kind === "away") throw new AppError("unavailable");
          if (outcome.kind === "written") replayed += 1;
          else refused += 1;
          after = row.id;
        }
        // oxlint-enable no-await-in-loop
        if (rows.length < pageRows) break;
      }
      const left = await database.$count(deadLetters, waiting);
      return { status: 200, body: { replayed, refused, waiting: left } };
    },
    served.invocation,
  );

async function replay(env: RegionEnv, database: Database, row: Row): Promise<WriteOutcome> {
  const outcome = await handAgain(env, parseJson(row.body));
  if (outcome.kind === "written")
    await database.update(deadLetters).set({ replayedAt: new Date() }).where(eq(deadLetters.id, row.id));
  return outcome;
}

/** Gives a message to whom it was for: the log of a shard, or the Couriers of endpoints. */
async function handAgain(env: RegionEnv, body: unknown): Promise<WriteOutcome> {
  const due = webhookMessageSchema.safeParse(body);
  if (due.success) {
    const endpoints = new Set(due.data.deliveries.map(({ endpoint_id }) => endpoint_id));
    await Promise.all(Array.from(endpoints, (id) => courierOf(env, id).wake(id)));
    return { kind: "written" };
  }
  const message = auditMessageSchema.safeParse(body);
  if (!message.success) return { kind: "poison", reason: "malformed" };
  const [outcome = { kind: "away" }] = await auditLogOf(env, message.data.shard).write([message.data]);
  return outcome;
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
