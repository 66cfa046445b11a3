import type postgres from "postgres";
import type { WrappedKey } from "../../../durable-objects/event-writer/event.ts";
import type { CustomerKeys } from "../webhooks/customer-keys.ts";

/** The newest data key of a customer that is not destroyed. Makes the first one, or the next one after those that were destroyed. */
export async function liveDataKey(
  sql: postgres.ISql,
  customerKeys: CustomerKeys,
  customerId: string,
): Promise<WrappedKey> {
  const newest = await newestKey(sql, customerId);
  if (newest !== undefined && newest.wrapped !== null) return { version: newest.version, wrapped: newest.wrapped };
  const made = await customerKeys.make(customerId, (newest?.version ?? 0) + 1);
  await sql`insert into customer_data_keys (customer_id, version, wrapped, created_at)
    values (${customerId}, ${made.version}, ${Buffer.from(made.wrapped)}, now()) on conflict do nothing`;
  // Read again: another transaction may have made this version at the same time.
  const stored = await newestKey(sql, customerId);
  if (stored === undefined || stored.wrapped === null)
    throw new Error("a data key was destroyed as soon as it was made");
  return { version: stored.version, wrapped: stored.wrapped };
}

async function newestKey(sql: postgres.ISql, customerId: string) {
  const [newest] = await sql<{ version: number; wrapped: Uint8Array | null }[]>`
    select version, wrapped from customer_data_keys where customer_id = ${customerId} order by version desc limit 1`;
  return newest;
}
