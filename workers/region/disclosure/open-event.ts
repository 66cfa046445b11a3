import { AppError } from "../../../schema/errors.ts";
import type { Reply, Served } from "../../serve/served.ts";
import { recordFirst } from "../audit/record-first.ts";
import type { TransactionSql } from "../database.ts";
import { settingsOf } from "../settings.ts";
import { openFrom, type JsonCustomerKey } from "../webhooks/customer-keys.ts";
import { payForDisclosure } from "./limit.ts";

/** A sealed payload with what opens it, still wrapped. */
export interface SealedEvent {
  readonly customer_id: string;
  readonly id: string;
  readonly payload: Uint8Array | null;
  readonly keys: readonly JsonCustomerKey[];
}

/** What opens a customer's payloads, as a column of a select from a table that is called `e` there. */
export function liveKeys(sql: TransactionSql) {
  return sql`(select coalesce(json_agg(json_build_object('version', k.version, 'wrapped', encode(k.wrapped, 'base64'))), '[]')
    from customer_data_keys k where k.customer_id = e.customer_id and k.destroyed_at is null) as keys`;
}

/**
 * Opens a payload, on the record: first the limit, then the audit record, durable in Postgres with the reason, and only then the plaintext. 409
 * for a payload that is erased; 503, and nothing is opened, when it cannot be recorded. The answer has `data` byte for byte.
 */
export async function openEvent(event: SealedEvent, detail: string, served: Served, env: RegionEnv): Promise<Reply> {
  const { region, customerKeys } = settingsOf(env);
  const { customer_id: customerId, id, payload } = event;
  if (payload === null) throw erased();
  await payForDisclosure(served, env);
  const intent = { customerId, action: "event.decrypt", resourceType: "event", resourceId: id, detail };
  const recorded = await recordFirst(intent, served, env);
  const ring = await customerKeys.ringOfJson(customerId, event.keys);
  const data = await openFrom(ring, { kind: "payload", customerId, eventId: id, region }, payload);
  if (data === null) throw erased();
  const bytes = new TextEncoder().encode(`{"data":${data}}`);
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => {
      controller.enqueue(bytes);
      controller.close();
    },
  });
  return {
    status: 200,
    stream,
    headers: { "content-type": "application/json" },
    ...(recorded !== null && { recorded }),
  };
}

function erased(): AppError {
  return new AppError("conflict", { detail: "The payload is erased." });
}
