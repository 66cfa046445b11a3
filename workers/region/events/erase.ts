import { sql } from "drizzle-orm";
import type { Transaction } from "../database.ts";

/** Erases the payloads of a user's events; of those that still wait to be delivered, the nightly run does when they are. */
export async function eraseEventsOf(tx: Transaction, customerId: string, userId: string): Promise<void> {
  await tx.execute(sql`
    update events e set erase_when_done = true, payload = case when exists (
        select from deliveries d where d.customer_id = e.customer_id and d.event_id = e.id and (d.status = 'pending' or d.redrive_at is not null)
          and exists (select from webhook_endpoints w where w.customer_id = d.customer_id and w.id = d.endpoint_id and w.deleted_at is null)
      ) then payload end
      where customer_id = ${customerId} and user_id = ${userId} and payload is not null`);
}
