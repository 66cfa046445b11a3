import type { Verdict } from "../../../../durable-objects/event-writer/event.ts";
import { AppError } from "../../../../schema/errors.ts";
import { newEventSchema, type createEvents, type EventResult } from "../../../../schema/http/events.ts";
import type { Region } from "../../../../schema/regions.ts";
import { refusedResult } from "../../events/refused-result.ts";
import { logFailure } from "../../../serve/log-failure.ts";
import { rawElements, rawMember } from "../../events/raw-json.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf, type Served } from "../../../serve/served.ts";
import { validate } from "../../../serve/validate.ts";
import { acceptEvents, refusalOf, type NewEvent } from "../../events/accept.ts";
import { newEventOf } from "../../events/new-event.ts";
import { requestName } from "../../events/request-name.ts";
import { settingsOf } from "../../settings.ts";
import { presentAccepted } from "./create.ts";

/** An event of a batch, or why it is none. */
type Read =
  | { readonly kind: "event"; readonly event: NewEvent }
  | { readonly kind: "refused"; readonly result: EventResult };

/**
 * Accepts a batch of events, each by itself. 503 only when none was accepted and one of them could not be: then the whole request may be
 * sent again.
 */
export const handleCreateEvents: Handler<typeof createEvents, RegionEnv> = async ({ body }, served, env) => {
  const { region } = settingsOf(env);
  const read = await readEvents(body.events, served, env);
  const events = read.flatMap((one) => (one.kind === "event" ? [one.event] : []));
  const { customer_id: customerId } = principalOf(served);
  const verdicts = events.length === 0 ? [] : await acceptEvents(customerId, events, served, env);
  const accepted = verdicts.filter((verdict) => verdict.kind === "accepted");
  let next = 0;
  const results = read.map((one) =>
    one.kind === "refused" ? one.result : resultOf(verdicts[next++], one.event, region, served),
  );
  if (accepted.length === 0 && results.some(({ status }) => status === 503)) throw new AppError("unavailable");
  const replayed = accepted.length > 0 && accepted.every(({ repeated }) => repeated);
  return { status: 200, body: { results }, ...(replayed && { headers: { "idempotent-replayed": "true" } }) };
};

/** Validates the elements of a batch one by one. Each is named by the request's `Idempotency-Key` and its place in the client's batch. */
async function readEvents(elements: readonly unknown[], served: Served, env: RegionEnv): Promise<Read[]> {
  const { hashKey } = settingsOf(env);
  const texts = rawElements(rawMember(new TextDecoder().decode(served.bodyBytes), "events") ?? "[]");
  return Promise.all(
    elements.map(async (element, at): Promise<Read> => {
      const text = texts[at] ?? "";
      const request = await requestName(served, new TextEncoder().encode(text), hashKey, served.positions?.[at] ?? at);
      try {
        return { kind: "event", event: newEventOf(validate(newEventSchema, element), text, request) };
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        return { kind: "refused", result: refusedResult(error) };
      }
    }),
  );
}

function resultOf(
  verdict: Verdict | undefined,
  { type }: NewEvent,
  region: Region,
  { requestId }: Served,
): EventResult {
  if (verdict?.kind === "accepted") return { status: 202, ...presentAccepted(verdict, type, region) };
  const error = refusalOf(verdict ?? { kind: "unavailable" });
  if (!(error instanceof AppError)) logFailure(error, { worker: "region", requestId, operation: "createEvents" });
  return refusedResult(error);
}
