import { billOf, dollarsPerMillion, noUsage, perEvent, sumOf } from "./bill.ts";
import type { Events, Measured } from "./measure.ts";
import { objectClasses } from "./usage-reader.ts";

/** A kind of traffic: how many users of how many customers, and the mean pause between two requests of a user, in milliseconds. */
export interface Kind {
  readonly name: string;
  readonly tier: string;
  readonly customers: number;
  readonly usersEach: number;
  readonly pauseMs: number;
  readonly seconds: number;
}

/** A Gate writes its ledger at the latest when this many requests are not in it (`durable-objects/gate/lease.ts`). A run is too short for it. */
const requestsPerLedgerRow = 100;

/** Prints the bill of a million requests of a kind of traffic. Returns the dollars. */
export function printBill(kind: Kind, measured: Measured, events: Events): number {
  const { usage, requests, counted } = measured;
  const parts = {
    requests: { usage: perEvent(usage, requests), times: 1 },
    "ledgers of Gates": { usage: { ...noUsage, rowsWritten: 1 }, times: 1 / requestsPerLedgerRow },
    ...eventParts(kind, events),
  };
  const all = sumOf(Object.values(parts));
  console.log(`\n${kind.name}: ${requests} requests of ${kind.customers * kind.usersEach} users in ${kind.seconds} s`);
  console.table(billOf(all));
  const shares = Object.entries(parts).map(
    ([name, part]) => `${name} ${dollars(dollarsPerMillion(part.usage) * part.times)}`,
  );
  console.log(`of which ${shares.join(", ")}`);
  const objects = objectClasses.map((name) => {
    const perRequest = (what: string): string => (counted(`${name} ${what}`) / requests).toFixed(4);
    return [name, { requests: perRequest("requests"), rows: perRequest("rows"), "awake ms": perRequest("awake ms") }];
  });
  console.table(Object.fromEntries(objects));
  const withoutMemory = dollarsPerMillion({ ...all, rowsWritten: all.rowsWritten + 1 });
  console.log(`with a Gate whose isolate ended after each request: ${dollars(withoutMemory)}`);
  return dollarsPerMillion(all);
}

/** What one event of each kind costs, a million times. */
export function printEvents(events: Events): void {
  const costs = Object.entries(events).map(([name, usage]) => `${name} ${dollars(dollarsPerMillion(usage))}`);
  console.log(`\na million of each: ${costs.join(", ")}`);
}

/** The events, and how often each happens for a request. */
function eventParts({ pauseMs, usersEach }: Kind, { session, recheck, checkpoint }: Events) {
  const perUserHour = 3_600_000 / pauseMs;
  const perCustomerHour = perUserHour * usersEach;
  // A busy log is signed after 1,000 records, at most 12 times an hour; a quiet one hourly (durable-objects/audit-log/grown-logs.ts).
  const perCheckpoint = perCustomerHour < 1000 ? perCustomerHour : Math.max(1000, perCustomerHour / 12);
  return {
    "a sign-in each hour": { usage: session, times: 1 / perUserHour },
    "rechecks of Gates": { usage: recheck, times: 12 / perUserHour },
    checkpoints: { usage: checkpoint, times: 1 / perCheckpoint },
  };
}

/** `$0.86` */
export function dollars(amount: number): string {
  return `$${amount.toFixed(amount < 0.1 ? 3 : 2)}`;
}
