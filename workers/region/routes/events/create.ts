import type { AcceptedEvent } from "../../../../durable-objects/event-writer/event.ts";
import type { AcceptedEventView, createEvent } from "../../../../schema/http/events.ts";
import type { Region } from "../../../../schema/regions.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { acceptEvent } from "../../events/accept.ts";
import { newEventOf } from "../../events/new-event.ts";
import { requestName } from "../../events/request-name.ts";
import { settingsOf } from "../../settings.ts";

/** Accepts an event; 413 for a payload over the limit, 422 for a type of the platform's own. */
export const handleCreateEvent: Handler<typeof createEvent, RegionEnv> = async ({ body }, served, env) => {
  const { region, hashKey } = settingsOf(env);
  const request = await requestName(served, served.bodyBytes, hashKey);
  const event = newEventOf(body, new TextDecoder().decode(served.bodyBytes), request);
  const accepted = await acceptEvent(principalOf(served).customer_id, event, served, env);
  return {
    status: 202,
    body: presentAccepted(accepted, event.type, region),
    created: accepted.id,
    ...(accepted.repeated && { headers: { "idempotent-replayed": "true" } }),
  };
};

/** An accepted event as the contract has it. */
export function presentAccepted(
  { id, createdAt, deliveries }: AcceptedEvent,
  type: string,
  region: Region,
): AcceptedEventView {
  return { id, type, created_at: new Date(createdAt).toISOString(), region, deliveries };
}
