import { AppError, errorCatalog } from "../../../schema/errors.ts";
import { batchResultsSchema, createEvents, type EventResult } from "../../../schema/http/events.ts";
import type { Principal } from "../../../schema/principal.ts";
import type { Region } from "../../../schema/regions.ts";
import { logFailure } from "../../serve/log-failure.ts";
import { rawElements, rawMember } from "../events/raw-json.ts";
import { readJson } from "../../serve/read-body.ts";
import type { Received } from "../../serve/receive.ts";
import { bodyRules } from "../../serve/serve.ts";
import { invalid, validate } from "../../serve/validate.ts";
import { refusedResult } from "../events/refused-result.ts";

/** Where an event belongs, or why that is not known. */
type Home = Region | AppError;

/** The events of a batch that belong to one region: their places in the client's batch, and what became of them. */
interface Part {
  readonly positions: readonly number[];
  /** A response about the request as a whole, else a result for each event. */
  readonly outcome: Response | readonly EventResult[];
  readonly replayed: boolean;
}

/** Serves a part of a batch in a region. */
type Ask<Asked> = (region: Region, asked: Asked, body: Uint8Array) => Promise<Response>;

/**
 * Divides a batch of events by the home regions of the users that they are about, and puts the results together in the order of the
 * events. A batch of one region is served as it came. A region that is closed or does not respond fails its own events only; 503 when
 * no event was accepted and one of them could not be.
 */
export async function divideEvents<Asked extends { readonly request: Request; readonly received: Received }>(
  asked: Asked,
  principal: Principal,
  ask: Ask<Asked>,
): Promise<Response> {
  const { request, received } = asked;
  const { value, bytes } = await readJson(request, bodyRules(createEvents));
  const { events } = validate(createEvents.body, value);
  const homes = events.map((event) => homeOf(event, received, principal));
  const [first] = homes;
  if (first !== undefined && !(first instanceof AppError) && homes.every((home) => home === first))
    return ask(first, asked, bytes);
  const texts = rawElements(rawMember(new TextDecoder().decode(bytes), "events") ?? "[]");
  const places = Map.groupBy(homes.keys(), (at) => nameOf(homes[at]));
  const parts = Array.from(places.values(), (positions) => {
    const [at = 0] = positions;
    return partOf(homes[at] ?? principal.region, asked, positions, texts, ask);
  });
  return merge(await Promise.all(parts), events.length);
}

/** What is wrong with an event besides its user, its region says. */
function homeOf(event: unknown, { userHomes }: Received, principal: Principal): Home {
  const named = typeof event === "object" && event !== null && "user_id" in event ? event.user_id : undefined;
  if (typeof named !== "string") return principal.region;
  if (userHomes === null) return new AppError("unavailable");
  const login = userHomes[named];
  return login?.customer_id === principal.customer_id
    ? login.region
    : invalid("user_id", "is not a user of the customer");
}

function nameOf(home: Home | undefined): string {
  return home instanceof AppError ? home.code : (home ?? "");
}

async function partOf<Asked extends { readonly request: Request; readonly received: Received }>(
  home: Home,
  asked: Asked,
  positions: readonly number[],
  texts: readonly string[],
  ask: Ask<Asked>,
): Promise<Part> {
  const refused = (error: AppError): Part => ({
    positions,
    outcome: positions.map(() => refusedResult(error)),
    replayed: false,
  });
  if (home instanceof AppError) return refused(home);
  const body = new TextEncoder().encode(`{"events":[${positions.map((at) => texts[at]).join(",")}]}`);
  try {
    const response = await ask(home, { ...asked, received: { ...asked.received, positions } }, body);
    if (response.status >= 500) {
      await response.body?.cancel();
      return refused(new AppError("unavailable"));
    }
    if (!response.ok) return { positions, outcome: response, replayed: false };
    const { results } = batchResultsSchema.parse(await response.json());
    return { positions, outcome: results, replayed: response.headers.has("idempotent-replayed") };
  } catch (error) {
    if (error instanceof AppError && errorCatalog[error.code].status < 500) throw error;
    if (error instanceof AppError) return refused(error);
    const { requestId } = asked.received;
    logFailure(error, { worker: "region", requestId, operation: createEvents.operationId });
    return refused(new AppError("unavailable", { cause: error }));
  }
}

function merge(parts: readonly Part[], count: number): Response {
  const lost = refusedResult(new AppError("unavailable"));
  const results: EventResult[] = Array.from({ length: count }, () => lost);
  for (const { positions, outcome } of parts) {
    // What is wrong with the request as a whole, every region says alike.
    if (outcome instanceof Response) return outcome;
    for (const [index, at] of positions.entries()) results[at] = outcome[index] ?? lost;
  }
  const accepted = results.filter(({ status }) => status === 202);
  if (accepted.length === 0 && results.some(({ status }) => status === 503)) throw new AppError("unavailable");
  const replayed = accepted.length > 0 && parts.every((part) => part.replayed || !hasAccepted(part));
  return Response.json({ results }, { headers: replayed ? { "idempotent-replayed": "true" } : {} });
}

function hasAccepted({ outcome }: Part): boolean {
  return !(outcome instanceof Response) && outcome.some(({ status }) => status === 202);
}
