import type { CourierPorts, Outgoing, Pulled, Wanted } from "../courier/ports.ts";
import type { Result } from "../courier/policy.ts";

/** A delivery as the stand-in for Postgres has it. Times in epoch milliseconds. */
export interface KeptDelivery {
  status: "pending" | "delivered" | "dead_letter";
  attempts: number;
  tries: number;
  rounds: number;
  due: number;
}

/** What stands in for Postgres and the queue: one endpoint and its deliveries, by id. */
class CourierWorld {
  readonly deliveries = new Map<string, KeptDelivery>();
  /** Set: Postgres is away. */
  away = false;
  /** Set: a read that has seen what is due waits for it before it returns. */
  hold: Promise<void> | null = null;
  pulls = 0;
  failingSince: number | null = null;
  readonly enqueued: { readonly ids: string[]; readonly delaySeconds: number }[] = [];
  readonly disabled: string[] = [];
  /** Writes that were refused because Postgres was away. */
  refused = 0;
  /** How often a Courier has released its connection, by its name. */
  readonly released = new Map<string, number>();
  /** Couriers that have used Postgres and not released their connection since. */
  readonly connected = new Set<string>();
  /** Set: the queue refuses messages. */
  queueRefuses = false;

  reset(): void {
    this.deliveries.clear();
    this.enqueued.length = 0;
    this.disabled.length = 0;
    Object.assign(this, { away: false, hold: null, pulls: 0, failingSince: null, refused: 0, queueRefuses: false });
    this.released.clear();
    this.connected.clear();
  }

  /** A delivery that is due now. */
  add(id: string, change: Partial<KeptDelivery> = {}): void {
    this.deliveries.set(id, { status: "pending", attempts: 0, tries: 0, rounds: 0, due: Date.now(), ...change });
  }

  /** The ports of the Courier of this name. */
  ports(name: string): CourierPorts {
    return {
      store: {
        pull: (wanted) => {
          this.connected.add(name);
          return this.#pull(wanted);
        },
        write: async (_endpoint, results, failingSince) => {
          this.connected.add(name);
          this.#write(results, failingSince);
        },
        disable: async (_endpoint, reason) => void this.disabled.push(reason),
        release: async () => {
          this.released.set(name, (this.released.get(name) ?? 0) + 1);
          this.connected.delete(name);
        },
      },
      timeoutMs: 30_000,
      enqueue: async (due, delaySeconds) => {
        if (this.queueRefuses) return false;
        this.enqueued.push({ ids: due.map(({ id }) => id), delaySeconds });
        return true;
      },
      observe: () => undefined,
    };
  }

  async #pull({ limit, except, parked, now }: Wanted): Promise<Pulled> {
    if (this.away) throw new Error("Postgres is away");
    this.pulls += 1;
    const others = [...this.deliveries].filter(([id]) => !except.includes(id));
    const of = (status: KeptDelivery["status"]) => others.filter(([, one]) => one.status === status);
    const due = (all: typeof others, most: number) => all.filter(([, one]) => one.due <= now).slice(0, most);
    const allowed = this.failingSince === null ? parked.answering : parked.failing;
    const found = [...due(of("pending"), limit), ...due(of("dead_letter"), allowed)];
    const later = (all: typeof others) => (all.length === 0 ? null : Math.min(...all.map(([, one]) => one.due)));
    const pulled: Pulled = {
      enabled: true,
      fifo: false,
      ratePerSecond: null,
      failingSince: this.failingSince,
      deliveries: found.map(([id, one]) => outgoing(id, one)),
      more: false,
      nextDue: later(of("pending").filter(([, one]) => one.due > now)),
      parkedDue: later(of("dead_letter")),
    };
    await this.hold;
    return pulled;
  }

  #write(results: readonly Result[], failingSince: number | null): void {
    if (this.away) {
      this.refused += 1;
      throw new Error("Postgres is away");
    }
    this.failingSince = failingSince;
    for (const { deliveryId, status, number, tries, rounds, nextAttemptAt, redriveAt } of results)
      this.deliveries.set(deliveryId, {
        status,
        attempts: number,
        tries,
        rounds,
        due: nextAttemptAt ?? redriveAt ?? 0,
      });
  }
}

function outgoing(deliveryId: string, { status, attempts, tries, rounds }: KeptDelivery): Outgoing {
  const url = "https://hooks.customer.example/";
  const payload = Uint8Array.from(new TextEncoder().encode("{}"));
  const secrets = [{ hmac: new Uint8Array(32), ed25519: null }];
  return {
    customerId: "cus",
    deliveryId,
    number: attempts + 1,
    tries,
    rounds,
    parked: status === "dead_letter",
    sealExcerpt: async (excerpt) => new TextEncoder().encode(excerpt),
    webhook: { url, id: deliveryId, payload, recipients: null, secrets },
  };
}

/** The one world of a test file. */
export const courierWorld = new CourierWorld();
