import { base64url } from "jose";
import { AppError } from "../../../schema/errors.ts";
import { newId } from "../../../schema/ids.ts";
import { keyedHash } from "../../../schema/login-hash.ts";
import type { Principal } from "../../../schema/principal.ts";
import { withClient } from "../../serve/database.ts";
import type { Served } from "../../serve/served.ts";
import { invalid } from "../../serve/validate.ts";
import type { TransactionSql } from "../database.ts";
import { readIdempotencyKey } from "../idempotency/once.ts";
import { settingsOf } from "../settings.ts";
import { handOver } from "../webhooks/hand-over.ts";
import { insertEvent, type NewEvent } from "./insert.ts";

/** What somebody wants to emit. */
export type Emission = Pick<NewEvent, "type" | "userId" | "data" | "to">;

/** An event that is committed; `repeated`: the same request has committed it before. */
export interface Accepted {
  readonly id: string;
  readonly type: string;
  readonly createdAt: Date;
  readonly deliveryIds: readonly string[];
  readonly repeated: boolean;
}

/** For how long the same request makes the same event, in milliseconds. */
const repeatedMs = 24 * 3_600_000;

/**
 * Commits an event with its deliveries, then hands them to the queue behind the answer. What a crash in between leaves behind, the sweeper
 * hands over. 422 for somebody who is no user of the customer here, and for an
 * `Idempotency-Key` that had another body; 503, and nothing is committed, when it cannot be known where it goes.
 */
export async function acceptEvent(
  principal: Principal,
  emission: Emission,
  served: Served,
  env: RegionEnv,
): Promise<Accepted> {
  const settings = settingsOf(env);
  const { customer_id: customerId } = principal;
  const request = await namedRequest(principal, served, settings.hashKey);
  // Not known while global is away: that is only in the way of customers who have something to do with it.
  const opted = await settings.config
    .crossRegionEndpoints(customerId, served.invocation.waitUntil)
    .catch(() => "unknown" as const);
  const event: NewEvent = { ...emission, customerId, id: newId("event"), createdAt: new Date(), request };
  const accepted = await withClient(
    env.DB,
    (client) =>
      client.begin(async (sql) => {
        const scope = sql`select set_config('app.customer_id', ${customerId}, true)`;
        const known = emission.userId === null ? null : await isUser(sql, scope, customerId, emission.userId);
        if (known === false) throw invalid("user_id", "is not a user of the customer");
        await scope;
        let inserted = await insertEvent(sql, settings, event, opted);
        if (inserted === null && request !== null) {
          const before = await earlier(sql, customerId, request);
          if (before !== null) return before;
          inserted = await insertEvent(sql, settings, event, opted);
        }
        if (inserted === null) return null;
        const { id, type, createdAt } = event;
        const ids = inserted.deliveries.map((delivery) => delivery.id);
        return { accepted: { id, type, createdAt, deliveryIds: ids, repeated: false }, due: inserted.deliveries };
      }),
    served.invocation,
  );
  if (accepted === null) throw new Error("an event is neither inserted nor there");
  served.invocation.waitUntil(handOver(env, accepted.due, 0));
  return accepted.accepted;
}

async function isUser(
  sql: TransactionSql,
  scope: PromiseLike<unknown>,
  customerId: string,
  userId: string,
): Promise<boolean> {
  // One after the other on the connection, in one round trip. Held: who deletes the user meanwhile waits, and erases this event too.
  const [, rows] = await Promise.all([
    scope,
    sql`select from users where customer_id = ${customerId} and id = ${userId} and deleted_at is null for key share`,
  ]);
  return rows.length === 1;
}

type Request = NonNullable<NewEvent["request"]>;

/** What the same request has made within a day; an older event gives the name up. 422 for another body under the same name. */
async function earlier(sql: TransactionSql, customerId: string, { key, hash }: Request) {
  const oldest = new Date(Date.now() - repeatedMs);
  await sql`update events set request_key = null, request_hash = null
    where customer_id = ${customerId} and request_key = ${key} and created_at < ${oldest}`;
  const [row] = await sql<{ id: string; type: string; created_at: Date; request_hash: string; deliveries: string[] }[]>`
    select e.id, e.type, e.created_at, e.request_hash, (select coalesce(json_agg(d.id order by d.seq), '[]') from deliveries d
        where d.customer_id = e.customer_id and d.event_id = e.id) as deliveries
      from events e where e.customer_id = ${customerId} and e.request_key = ${key}`;
  if (row === undefined) return null;
  if (row.request_hash !== hash) throw new AppError("idempotency_mismatch");
  const { id, type, created_at: createdAt, deliveries: deliveryIds } = row;
  return { accepted: { id, type, createdAt, deliveryIds, repeated: true }, due: [] };
}

/**
 * Names a request with an `Idempotency-Key`; null without one. The event itself remembers it, in its own transaction, so that there is no moment
 * in which a crash could part them: other routes that create use `once`.
 */
async function namedRequest({ id }: Principal, served: Served, hashKey: string): Promise<Request | null> {
  const given = readIdempotencyKey(served);
  if (given === null) return null;
  const body = base64url.encode(new Uint8Array(await crypto.subtle.digest("SHA-256", served.bodyBytes)));
  const key = await keyedHash("event-request", JSON.stringify([id, served.path, given]), hashKey);
  return { key, hash: await keyedHash("event-body", body, hashKey) };
}
