import { ask, expectStatus } from "../dev/api.ts";
import type { PlatformOptions } from "../dev/platform.ts";
import { startReceiver, type Receiver } from "../dev/receiver.ts";
import type { DeliveryView } from "../schema/http/deliveries.ts";
import { startOwnPlatform, type OwnPlatform } from "./own-platform.ts";
import { eventually } from "./world.ts";

/** A platform, a receiver and an owner that one test file has for itself. */
export interface OwnWebhooks {
  readonly own: OwnPlatform;
  readonly receiver: Receiver;
  readonly token: string;
  /** An endpoint at a path of the receiver, for events whose type begins with that path, or whose types are named. */
  endpoint(path: string, types?: readonly string[]): Promise<{ readonly id: string; readonly secret: string }>;
  /** Emits an event and says its id. */
  emit(type: string, data?: unknown): Promise<string>;
  /** Ids that came to a path. */
  at(path: string): string[];
  /** Waits until the one delivery of an event is made, and says how often it came. */
  untilDelivered(eventId: string, path: string): Promise<number>;
  close(): Promise<void>;
}

/** Starts them, on a tier without limits. */
export async function startOwnWebhooks(options: Partial<PlatformOptions> = {}): Promise<OwnWebhooks> {
  const own = await startOwnPlatform(options, "ci");
  const receiver = await startReceiver();
  const { token } = await own.user("hooks@own.example", "owner", "us");
  const { baseUrl } = own.platform;
  const at = (path: string): string[] =>
    receiver.received.filter((one) => one.path === path).map((received) => received.id);
  const deliveryOf = async (eventId: string): Promise<DeliveryView | undefined> => {
    const path = `/v1/deliveries?event_id=${eventId}`;
    return (await ask<{ data: DeliveryView[] }>(baseUrl, path, { token })).body.data[0];
  };
  return {
    own,
    receiver,
    token,
    at,
    endpoint: async (path, types = [`${path.slice(1)}.*`]) => {
      const body = { url: receiver.url + path, event_types: types };
      const request = { method: "POST", token, body };
      const made = await expectStatus<{ id: string; secret: string }>(201, baseUrl, "/v1/webhook-endpoints", request);
      receiver.secrets.set(path, made.body.secret);
      return made.body;
    },
    emit: async (type, data = {}) => {
      const request = { method: "POST", token, body: { type, data } };
      return (await expectStatus<{ id: string }>(202, baseUrl, "/v1/events", request)).body.id;
    },
    untilDelivered: async (eventId, path) => {
      await eventually(async () => (await deliveryOf(eventId))?.status === "delivered", 45_000);
      return at(path).filter((id) => id === eventId).length;
    },
    close: async () => {
      await receiver.close();
      await own.close();
    },
  };
}
