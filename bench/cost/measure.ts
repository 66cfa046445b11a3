import { expectStatus } from "../../dev/api.ts";
import type { Platform } from "../../dev/platform.ts";
import { difference, noUsage, perEvent, sumOf } from "./bill.ts";
import type { Member } from "./people.ts";
import type { Usage } from "./prices.ts";
import { sendTraffic, sleep, warmUp, type Traffic } from "./traffic.ts";
import type { Reading, UsageReader } from "./usage-reader.ts";

/** What happens by time and not with each request, and what one of each uses. */
export interface Events {
  /** A sign-in and the first request. */
  readonly session: Usage;
  /** The comparison of a Gate in use with Postgres, every five minutes. */
  readonly recheck: Usage;
  /** A signed checkpoint of a customer's log. */
  readonly checkpoint: Usage;
}

/** What some requests used. */
export interface Measured {
  readonly usage: Usage;
  readonly requests: number;
  /** What a counter of the region's Worker has risen by. */
  readonly counted: (name: string) => number;
}

/** A checkpoint interval that a run can wait for, and the time that it waits, in seconds. */
const shortCheckpointSeconds = 1;
const signingSeconds = 3;

/** Measures one thing after the other on a platform that does nothing else. */
export class Measurements {
  readonly #platform: Platform;
  readonly #reader: UsageReader;
  #requests = 0;
  /** The reading after the last measurement, from which the next one begins. */
  #last: Reading | null = null;

  constructor(platform: Platform, reader: UsageReader) {
    this.#platform = platform;
    this.#reader = reader;
  }

  /** What traffic uses, with everything that it starts behind responses. */
  traffic(traffic: Traffic): Promise<Measured> {
    return this.#measure(() => sendTraffic(this.#platform.baseUrl, traffic));
  }

  /** Signs members in, and lets each send a request: the Gate loads its principal from Postgres. */
  async sessions(members: readonly Member[]): Promise<Pick<Events, "session" | "recheck">> {
    const { baseUrl } = this.#platform;
    const { usage, counted } = await this.#measure(async () => {
      for (const body of members) {
        const session = await expectStatus<{ token: string }>(201, baseUrl, "/v1/sessions", { method: "POST", body });
        await expectStatus(200, baseUrl, "/orders/42", { token: session.body.token });
      }
      return 2 * members.length;
    });
    // A recheck is the same load, and the next spending writes a row. Its time is included in that of the Gate's other calls.
    const objectAwakeSeconds = counted("Gate awake ms") / 1000 / members.length;
    // The alarms of the two SignInGuards come after the run: each is a call, and removes itself and what is stored.
    const guards = { ...noUsage, objectRequests: 2, rowsWritten: 4, objectAwakeSeconds: 0.01 };
    const session = sumOf([
      { usage: perEvent(usage, members.length), times: 1 },
      { usage: guards, times: 1 },
    ]);
    return {
      session,
      recheck: { ...noUsage, rowsWritten: 1, objectAwakeSeconds },
    };
  }

  /** Lets every log that has grown be signed now, and divides what that uses among them. Starts the Workers again; to be called last. */
  async checkpoints(token: string): Promise<{ readonly signed: number; readonly checkpoint: Usage }> {
    this.#platform.variables["CHECKPOINT_SECONDS"] = String(shortCheckpointSeconds);
    await this.#platform.restartWorkers();
    // The counts of the new isolate begin at 0.
    this.#last = null;
    const { usage, counted } = await this.#measure(async () => {
      await warmUp(this.#platform.baseUrl, [token]);
      await sleep(signingSeconds * 1000);
      return 1;
    });
    const signed = counted("bucket put") / 2;
    if (signed < 1) throw new Error(`No checkpoint was signed within ${signingSeconds} s.`);
    const each = perEvent(usage, signed);
    // One more row: that the log has grown is noted with the first write after a checkpoint. CPU of objects is not billed.
    return { signed, checkpoint: { ...each, rowsWritten: each.rowsWritten + 1, cpuMs: 0 } };
  }

  async #measure(work: () => Promise<number>): Promise<Measured> {
    const before = this.#last ?? (await this.#reader.read(this.#platform, this.#requests));
    const requests = await work();
    this.#requests += requests;
    const after = await this.#reader.read(this.#platform, this.#requests);
    this.#last = after;
    return {
      usage: difference(after.usage, before.usage),
      requests,
      counted: (name) => (after.counts[name] ?? 0) - (before.counts[name] ?? 0),
    };
  }
}
