import type { DisabledReason } from "../../schema/webhooks/delivery.ts";
import type { DueDelivery } from "../../schema/webhooks/message.ts";
import type { Result, Tried } from "./policy.ts";
import type { Webhook } from "./post.ts";

/** A delivery to be posted. */
export interface Outgoing extends Tried {
  readonly customerId: string;
  readonly deliveryId: string;
  /** Of the try that comes now. */
  readonly number: number;
  readonly webhook: Webhook;
  /** Seals the beginning of the answer, as Postgres keeps it. */
  readonly sealExcerpt: (excerpt: string) => Promise<Uint8Array>;
}

/** What to look for. */
export interface Wanted {
  readonly endpointId: string;
  readonly limit: number;
  /** Deliveries that are in hand. */
  readonly except: readonly string[];
  /** How many dead letters may be taken up if the endpoint answers, and if it fails. */
  readonly parked: { readonly answering: number; readonly failing: number };
  /** Epoch milliseconds. */
  readonly now: number;
}

/** What is due at an endpoint. Times in epoch milliseconds. */
export interface Pulled {
  readonly enabled: boolean;
  readonly fifo: boolean;
  readonly ratePerSecond: number | null;
  /** Since when it fails; null: the last try did not. */
  readonly failingSince: number | null;
  readonly deliveries: readonly Outgoing[];
  /** Whether there may be more that is due now. */
  readonly more: boolean;
  /** When the next delivery is due that is not yet. */
  readonly nextDue: number | null;
  /** When the first dead letter may be taken up; null: there is none. */
  readonly parkedDue: number | null;
}

/** The region's Postgres as a Courier sees it. Every method rejects when it is away. */
export interface CourierStore {
  /** What is due; parks what cannot be sent. Null: there is no such endpoint. */
  pull(wanted: Wanted): Promise<Pulled | null>;
  /** Writes tries and what they made of their deliveries, each once, and since when the endpoint fails. */
  write(endpointId: string, results: readonly Result[], failingSince: number | null): Promise<void>;
  /** Disables an endpoint and tells its customer by an event; nothing if it is disabled already. */
  disable(endpointId: string, reason: DisabledReason): Promise<void>;
  /** Says that nothing is due for now: closes the connection, unless the traffic is dense. */
  release(): Promise<void>;
}

/** What a Courier needs of its region. */
export interface CourierPorts {
  readonly store: CourierStore;
  /** How long an endpoint may take to answer, in milliseconds. */
  readonly timeoutMs: number;
  /** Sends deliveries through the queue, to come back after whole seconds; resolves to whether the queue has taken them. */
  readonly enqueue: (deliveries: readonly DueDelivery[], delaySeconds: number) => Promise<boolean>;
  /** Told of each try. */
  readonly observe: (result: Result) => void;
}
