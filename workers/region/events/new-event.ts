import type { z } from "zod";
import { AppError } from "../../../schema/errors.ts";
import { maximumDataBytes, type newEventSchema } from "../../../schema/http/events.ts";
import { ownTypePrefix } from "../../../schema/webhooks/event-type.ts";
import { rawMember } from "./raw-json.ts";
import { invalid } from "../../serve/validate.ts";
import type { NewEvent } from "./accept.ts";
import type { RequestName } from "./request-name.ts";

/** The event of a validated body; `text` is the body's source, of which `data` is kept as it is. 413 for too much data, 422 for the platform's types. */
export function newEventOf(
  { type, user_id }: z.output<typeof newEventSchema>,
  text: string,
  request: RequestName | null,
): NewEvent {
  if (type.startsWith(ownTypePrefix))
    throw invalid("type", `must not begin with "${ownTypePrefix}", which is the platform's`);
  const data = rawMember(text, "data");
  if (data === null) throw invalid("data", "is required");
  if (Buffer.byteLength(data) > maximumDataBytes) {
    throw new AppError("payload_too_large", {
      detail: `The data of an event may have ${maximumDataBytes} bytes at most.`,
    });
  }
  return { type, userId: user_id ?? null, data, request, to: { except: null } };
}
