import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Expect, Inbox, ReceiverSays } from "./receiver.ts";

/** The receivers of receiver.ts, as run.ts sees them. */
export interface Endpoints {
  readonly urls: readonly string[];
  /** Forgets what came in; `received` resolves when so many deliveries have come since. */
  expect(deliveries: number): Promise<{ readonly received: Promise<Inbox> }>;
  close(): void;
}

/** How long deliveries are waited for, in milliseconds. */
const patienceMs = 300_000;

/** Starts the receivers in a process of their own. */
export async function startEndpoints(number: number): Promise<Endpoints> {
  const file = fileURLToPath(new URL("receiver.ts", import.meta.url));
  const child = fork(file, { env: { ...process.env, ENDPOINTS: String(number) } });
  const { urls } = await said(child, "listening");
  return {
    urls,
    expect: async (deliveries) => {
      const expecting = said(child, "expecting");
      const received = said(child, "received").then(({ inbox }) => inbox);
      const late = new Promise<never>((_, failed) => {
        setTimeout(() => failed(new Error(`${deliveries} deliveries did not come in time`)), patienceMs).unref();
      });
      child.send({ kind: "expect", deliveries } satisfies Expect);
      await expecting;
      return { received: Promise.race([received, late]) };
    },
    close: () => child.kill(),
  };
}

type Of<Kind> = Extract<ReceiverSays, { readonly kind: Kind }>;

/** Waits for the next message of a kind. */
function said<Kind extends ReceiverSays["kind"]>(child: ChildProcess, kind: Kind): Promise<Of<Kind>> {
  return new Promise((resolve) => {
    const listen = (message: ReceiverSays): void => {
      if (message.kind !== kind) return;
      child.off("message", listen);
      resolve(message as Of<Kind>);
    };
    child.on("message", listen);
  });
}
