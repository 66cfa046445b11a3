import { expectStatus, type Answer } from "../dev/api.ts";
import type { Received, Receiver } from "../dev/receiver.ts";
import type { DeliveryView } from "../schema/http/deliveries.ts";
import type { EndpointView } from "../schema/http/webhook-endpoints.ts";
import { baseUrl, call, eventually } from "./world.ts";

/** An endpoint with its secret, as its maker sees it. */
export type MadeEndpoint = EndpointView & { readonly secret: string; readonly verification_key?: string };

/** An accepted event. */
export interface MadeEvent {
  readonly id: string;
  readonly type: string;
  readonly created_at: string;
  readonly region: string;
}

/** Makes an endpoint at a path of a receiver, which verifies what it gets there. */
export async function newEndpoint(
  token: string,
  receiver: Receiver,
  path: string,
  change: object = {},
  query = "",
): Promise<MadeEndpoint> {
  const body = { url: `${receiver.url}${path}`, ...change };
  const { body: made } = await expectStatus<MadeEndpoint>(201, baseUrl(), `/v1/webhook-endpoints${query}`, {
    method: "POST",
    token,
    body,
  });
  receiver.secrets.set(path, made.secret);
  return made;
}

/** Emits an event. */
export async function emit(token: string, body: object): Promise<MadeEvent> {
  const answer = await expectStatus<MadeEvent>(202, baseUrl(), "/v1/events", { method: "POST", token, body });
  return answer.body;
}

/** What a receiver got at a path. */
export function at(receiver: Receiver, path: string): readonly Received[] {
  return receiver.received.filter((one) => one.path === path);
}

/** The newest that a receiver got at a path; throws if there is none. */
export function newestAt(receiver: Receiver, path: string): Received {
  const newest = at(receiver, path).at(-1);
  if (newest === undefined) throw new Error(`nothing came to ${path}`);
  return newest;
}

/** The deliveries that a query finds. */
export async function deliveriesOf(token: string, query: string): Promise<DeliveryView[]> {
  const answer = await expectStatus<{ data: DeliveryView[] }>(200, baseUrl(), `/v1/deliveries?${query}`, { token });
  return answer.body.data;
}

/** Waits until the one delivery of an event has a status. */
export async function untilStatus(token: string, eventId: string, status: string, ms = 10_000): Promise<DeliveryView> {
  let found: DeliveryView | undefined;
  await eventually(async () => {
    [found] = await deliveriesOf(token, `event_id=${eventId}`);
    return found?.status === status;
  }, ms);
  if (found === undefined) throw new Error("the event has no delivery");
  return found;
}

/** Posts without a body of more than `{}`. */
export function act<T = Record<string, unknown>>(token: string, path: string, body: object = {}): Promise<Answer<T>> {
  return call<T>(path, { method: "POST", token, body });
}
