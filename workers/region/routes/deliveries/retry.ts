import { AppError } from "../../../../schema/errors.ts";
import type { retryDelivery } from "../../../../schema/http/deliveries.ts";
import type { DeliveryStatus } from "../../../../schema/webhooks/delivery.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { asCustomerSql } from "../../database.ts";
import { findDeliveries, presentDelivery } from "../../deliveries/read.ts";
import { settingsOf } from "../../settings.ts";
import { handOver } from "../../webhooks/hand-over.ts";

interface Row {
  readonly status: DeliveryStatus;
  readonly endpoint_id: string;
  readonly erased: boolean;
  readonly enabled: boolean;
}

/** Makes a delivery pending again; 409 while it is, for one whose payload is erased, and for an endpoint that takes none. */
export const handleRetryDelivery: Handler<typeof retryDelivery, RegionEnv> = async ({ params }, served, env) => {
  const { customer_id: customerId } = principalOf(served);
  const { row, view } = await asCustomerSql(env, customerId, served.invocation, async (sql) => {
    const [found] = await sql<Row[]>`
      select d.status, d.endpoint_id, e.payload is null or d.parked_for is not distinct from 'erased' as erased,
          exists (select from webhook_endpoints w where w.customer_id = d.customer_id and w.id = d.endpoint_id
            and w.status = 'enabled' and w.deleted_at is null) as enabled
        from deliveries d join events e on e.customer_id = d.customer_id and e.id = d.event_id
        where d.customer_id = ${customerId} and d.id = ${params.id} for update of d`;
    if (found === undefined) throw new AppError("not_found");
    if (found.status === "pending") throw conflict("The delivery is pending already.");
    if (found.erased) throw conflict("The payload is erased.");
    if (!found.enabled) throw conflict("The endpoint is disabled or deleted.");
    await sql`update deliveries set status = 'pending', tries = 0, rounds = 0, parked_for = null, redrive_at = null, delivered_at = null,
        next_attempt_at = now() where customer_id = ${customerId} and id = ${params.id}`;
    const [after] = await findDeliveries(sql, { customerId, id: params.id, limit: 1 });
    if (after === undefined) throw new Error("a delivery is gone that was just changed");
    return { row: found, view: presentDelivery(after, settingsOf(env).region) };
  });
  served.invocation.waitUntil(handOver(env, [{ id: params.id, endpoint_id: row.endpoint_id }], 0));
  return { status: 202, body: view };
};

function conflict(detail: string): AppError {
  return new AppError("conflict", { detail });
}
