import { AppError } from "../../../../schema/errors.ts";
import { maximumDataBytes, type createEvent } from "../../../../schema/http/events.ts";
import { ownTypePrefix } from "../../../../schema/webhooks/event-type.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { invalid } from "../../../serve/validate.ts";
import { acceptEvent } from "../../events/accept.ts";
import { rawMember } from "../../events/raw-member.ts";
import { settingsOf } from "../../settings.ts";

/** Accepts an event; 413 for a payload over the limit, 422 for a type of the platform's own. */
export const handleCreateEvent: Handler<typeof createEvent, RegionEnv> = async ({ body }, served, env) => {
  if (body.type.startsWith(ownTypePrefix))
    throw invalid("type", `must not begin with "${ownTypePrefix}", which is the platform's`);
  const data = rawMember(new TextDecoder().decode(served.bodyBytes), "data");
  if (data === null) throw invalid("data", "is required");
  if (Buffer.byteLength(data) > maximumDataBytes) {
    throw new AppError("payload_too_large", {
      detail: `The data of an event may have ${maximumDataBytes} bytes at most.`,
    });
  }
  const emission = { type: body.type, userId: body.user_id ?? null, data, to: { except: null } };
  const { id, type, createdAt, repeated } = await acceptEvent(principalOf(served), emission, served, env);
  return {
    status: 202,
    body: { id, type, created_at: createdAt.toISOString(), region: settingsOf(env).region },
    created: id,
    ...(repeated && { headers: { "idempotent-replayed": "true" } }),
  };
};
