import { AppError } from "../../../../schema/errors.ts";
import { isRecordTime } from "../../../../schema/http/audit-logs.ts";
import type { recoverWebhookEndpoint } from "../../../../schema/http/webhook-endpoints.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { invalid } from "../../../serve/validate.ts";
import { asCustomer, asCustomerSql } from "../../database.ts";
import { settingsOf } from "../../settings.ts";
import { lockEndpoint } from "../../webhook-endpoints/find.ts";
import { handOver } from "../../webhooks/hand-over.ts";

/** Makes every dead letter of an endpoint since a time pending again, each with a full round of tries; its Courier takes them as it can. */
export const handleRecoverWebhookEndpoint: Handler<typeof recoverWebhookEndpoint, RegionEnv> = async (
  { params, body },
  served,
  env,
) => {
  const { customer_id: customerId } = principalOf(served);
  const since = Date.parse(body.since);
  if (!isRecordTime(since)) throw invalid("since", "must be a time after 1970 and before the year 10000");
  const endpoint = await asCustomer(env, customerId, served.invocation, (tx) =>
    lockEndpoint(tx, settingsOf(env), customerId, params.id),
  );
  if (endpoint.status === "disabled")
    throw new AppError("conflict", { detail: "The endpoint is disabled. Enable it first." });
  const [{ count: recovered }, pending] = await asCustomerSql(env, customerId, served.invocation, (sql) => [
    sql`
      update deliveries set status = 'pending', tries = 0, rounds = 0, parked_for = null, redrive_at = null, next_attempt_at = now()
        where customer_id = ${customerId} and endpoint_id = ${params.id} and status = 'dead_letter' and redrive_at is not null
          and created_at >= ${new Date(since)}`,
    sql<{ id: string }[]>`select id from deliveries
      where customer_id = ${customerId} and endpoint_id = ${params.id} and status = 'pending' limit 1`,
  ]);
  const one = pending.map(({ id }) => ({ id, endpoint_id: params.id }));
  served.invocation.waitUntil(handOver(env, recovered > 0 ? one : [], 0));
  return { status: 202, body: { recovered } };
};
