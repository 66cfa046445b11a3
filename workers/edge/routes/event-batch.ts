import { AppError } from "../../../schema/errors.ts";
import { batchResultsSchema, createEvents, type EventResult } from "../../../schema/http/events.ts";
import type { Principal } from "../../../schema/principal.ts";
import type { Region } from "../../../schema/regions.ts";
import { refusedResult } from "../../serve/event-result.ts";
import { logFailure } from "../../serve/log-failure.ts";
import { rawElements, rawMember } from "../../serve/raw-json.ts";
import { readJson } from "../../serve/read-body.ts";
import { bodyRules } from "../../serve/serve.ts";
import { invalid, validate } from "../../serve/validate.ts";
import { forward } from "../stages/forward.ts";
import { refuseClosed } from "../stages/locate.ts";
import type { Passage } from "../stages/passage.ts";
import { aboutSchema } from "./events.ts";

/** Where an event belongs, or why that is not known. */
type Home = Region | AppError;

/** The events of a batch that belong to one region: their places in the client's batch, and what became of them. */
interface Part {
  readonly positions: readonly number[];
  /** A response about the request as a whole, else a result for each event. */
  readonly outcome: Response | readonly EventResult[];
  readonly replayed: boolean;
}

/**
 * `POST /v1/events/batch`: each event is kept in the home region of the user it is about, so the batch is divided by region and the results
 * are put together in the order of its events. A batch of one region is forwarded as it came. A region that is closed or cannot be reached
 * fails its own events only; 503 when no event was accepted and one of them could not be.
 */
export async function handleCreateEvents(passage: Passage, principal: Principal): Promise<Response> {
  const { value, bytes } = await readJson(passage.request, bodyRules(createEvents));
  const { events } = validate(createEvents.body, value);
  const homes = await homesOf(passage, principal, events);
  const [first] = homes;
  if (first !== undefined && !(first instanceof AppError) && homes.every((home) => home === first)) {
    await refuseClosed(passage, first);
    return forward(passage.edge.workers[first], passage, { actor: principal, body: bytes });
  }
  const texts = rawElements(rawMember(new TextDecoder().decode(bytes), "events") ?? "[]");
  const places = Map.groupBy(homes.keys(), (at) => homes[at] ?? principal.region);
  const parts = await Promise.all(
    Array.from(places, ([home, positions]) => partOf(passage, principal, home, positions, texts)),
  );
  return merge(parts, events.length);
}

/** The home of each event; the directory is asked once, for all users that this isolate does not know. */
async function homesOf(passage: Passage, principal: Principal, events: readonly unknown[]): Promise<Home[]> {
  const { edge, directory } = passage;
  const users = events.map((event) => aboutSchema.safeParse(event).data?.user_id ?? null);
  const unknown = new Set(users.filter((id) => id !== null && !edge.homes.has(id)));
  let missing = invalid("user_id", "is not a user of the customer");
  try {
    const found = unknown.size === 0 ? [] : await directory.byUsers([...unknown].filter((id) => id !== null));
    for (const { user_id, customer_id, region } of found) edge.homes.set(user_id, { customer_id, region });
  } catch (error) {
    logFailure(error, { worker: "edge", requestId: passage.facts.requestId, operation: passage.operation });
    missing = new AppError("unavailable", { cause: error });
  }
  return users.map((id) => {
    if (id === null) return principal.region;
    const login = edge.homes.get(id);
    if (login === undefined) return missing;
    return login.customer_id === principal.customer_id
      ? login.region
      : invalid("user_id", "is not a user of the customer");
  });
}

async function partOf(
  passage: Passage,
  principal: Principal,
  home: Home,
  positions: readonly number[],
  texts: readonly string[],
): Promise<Part> {
  const all = (error: unknown): Part => ({
    positions,
    outcome: positions.map(() => refusedResult(error)),
    replayed: false,
  });
  if (home instanceof AppError) return all(home);
  try {
    await refuseClosed(passage, home);
    const body = new TextEncoder().encode(`{"events":[${positions.map((at) => texts[at]).join(",")}]}`);
    const response = await forward(passage.edge.workers[home], passage, { actor: principal, body, positions });
    if (response.status >= 500) {
      await response.body?.cancel();
      return all(new AppError("unavailable"));
    }
    if (!response.ok) return { positions, outcome: response, replayed: false };
    const { results } = batchResultsSchema.parse(await response.json());
    return { positions, outcome: results, replayed: response.headers.has("idempotent-replayed") };
  } catch (error) {
    if (error instanceof AppError) return all(error);
    logFailure(error, { worker: "edge", requestId: passage.facts.requestId, operation: passage.operation });
    return all(new AppError("unavailable", { cause: error }));
  }
}

function merge(parts: readonly Part[], count: number): Response {
  const results: EventResult[] = Array.from({ length: count }, () => refusedResult(new AppError("unavailable")));
  for (const { positions, outcome } of parts) {
    // What is wrong with the request as a whole, every region says alike.
    if (outcome instanceof Response) return outcome;
    for (const [index, at] of positions.entries())
      results[at] = outcome[index] ?? refusedResult(new AppError("unavailable"));
  }
  const accepted = results.filter(({ status }) => status === 202);
  if (accepted.length === 0 && results.some(({ status }) => status === 503)) throw new AppError("unavailable");
  const replayed = accepted.length > 0 && parts.every((part) => part.replayed || !hasAccepted(part));
  return Response.json({ results }, { headers: replayed ? { "idempotent-replayed": "true" } : {} });
}

function hasAccepted({ outcome }: Part): boolean {
  return !(outcome instanceof Response) && outcome.some(({ status }) => status === 202);
}
