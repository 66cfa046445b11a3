import { AppError } from "../../../../schema/errors.ts";
import { isRecordTime } from "../../../../schema/http/audit-logs.ts";
import type { decryptEvent } from "../../../../schema/http/events.ts";
import type { operatorDecryptEvent } from "../../../../schema/http/operations.ts";
import { timeOfId } from "../../../../schema/ids.ts";
import { withClient } from "../../../serve/database.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { asCustomerSql } from "../../database.ts";
import { liveKeys, openEvent, type SealedEvent } from "../../disclosure/open-event.ts";

/** Opens a payload of the customer's, with the reason in its audit log. */
export const handleDecryptEvent: Handler<typeof decryptEvent, RegionEnv> = async ({ params, body }, served, env) => {
  const { customer_id: customerId } = principalOf(served);
  const [event] = await asCustomerSql(
    env,
    customerId,
    served.invocation,
    (sql) => sql<SealedEvent[]>`
      select e.customer_id, e.id, e.payload, ${liveKeys(sql)} from events e where e.customer_id = ${customerId} and e.id = ${params.id}`,
  );
  if (event === undefined) throw new AppError("not_found");
  return openEvent(event, body.reason, served, env);
};

/** An id was made within this time of its event, in milliseconds. */
const apartMs = 3_600_000;

/** Opens a payload of any customer's, with reason, ticket and operator in that customer's audit log. */
export const handleOperatorDecryptEvent: Handler<typeof operatorDecryptEvent, RegionEnv> = async (
  { params, body },
  served,
  env,
) => {
  const made = timeOfId(params.id);
  // An id of the far future names nothing, and is no time for Postgres.
  if (!isRecordTime(made + apartMs)) throw new AppError("not_found");
  const [event] = await withClient(
    env.DB_WEBHOOKS,
    (sql) => sql<SealedEvent[]>`
      select e.customer_id, e.id, e.payload, ${liveKeys(sql)} from events e
        where e.id = ${params.id} and e.created_at between ${new Date(Math.max(0, made - apartMs))} and ${new Date(made + apartMs)}`,
    served.invocation,
  );
  if (event === undefined) throw new AppError("not_found");
  const operator = served.actor?.type === "operator" ? served.actor.id : "unknown";
  return openEvent(event, `operator ${operator}, ticket ${body.ticket}: ${body.reason}`, served, env);
};
