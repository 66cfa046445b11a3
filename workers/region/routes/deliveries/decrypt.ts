import { AppError } from "../../../../schema/errors.ts";
import type { decryptDelivery } from "../../../../schema/http/deliveries.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { recordFirst } from "../../audit/record-first.ts";
import { asCustomerSql } from "../../database.ts";
import { payForDisclosure } from "../../disclosure/limit.ts";
import { liveKeys } from "../../disclosure/open-event.ts";
import { settingsOf } from "../../settings.ts";
import { openFrom, type JsonCustomerKey } from "../../webhooks/customer-keys.ts";

interface Row {
  readonly keys: readonly JsonCustomerKey[];
  readonly tries: readonly { readonly number: number; readonly excerpt: string | null }[];
}

/** Opens what an endpoint answered, on the record. */
export const handleDecryptDelivery: Handler<typeof decryptDelivery, RegionEnv> = async (
  { params, body },
  served,
  env,
) => {
  const { customer_id: customerId } = principalOf(served);
  const [row] = await asCustomerSql(
    env,
    customerId,
    served.invocation,
    (sql) => sql<Row[]>`
      select ${liveKeys(sql)}, (select coalesce(json_agg(json_build_object('number', a.number, 'excerpt', encode(a.excerpt, 'base64'))
          order by a.number), '[]') from delivery_attempts a where a.customer_id = e.customer_id and a.delivery_id = e.id) as tries
        from deliveries e where e.customer_id = ${customerId} and e.id = ${params.id}`,
  );
  if (row === undefined) throw new AppError("not_found");
  await payForDisclosure(served, env);
  const intent = {
    customerId,
    action: "delivery.decrypt",
    resourceType: "delivery",
    resourceId: params.id,
    detail: body.reason,
  };
  const recorded = await recordFirst(intent, served, env);
  const ring = await settingsOf(env).customerKeys.ringOfJson(customerId, row.keys);
  const data = await Promise.all(
    row.tries.map(async ({ number, excerpt }) => {
      const place = { kind: "response", customerId, deliveryId: params.id, number } as const;
      const response = excerpt === null ? null : await openFrom(ring, place, Buffer.from(excerpt, "base64"));
      return { number, response };
    }),
  );
  return { status: 200, body: { data }, ...(recorded !== null && { recorded }) };
};
