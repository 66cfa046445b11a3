import { LRUCache } from "lru-cache";
import type { Proof } from "../../schema/admission.ts";
import type { Region } from "../../schema/regions.ts";
import type { Admission } from "./admission.ts";
import { Batcher, type GateStub, type KeepAlive } from "./batcher.ts";
import { LastKnown } from "./last-known.ts";

/** What the client needs from the isolate. */
export interface GateClientOptions {
  /** A stub of the principal's Gate, in its jurisdiction. A new one each time: a stub that has thrown stays broken. */
  readonly stubFor: (region: Region, principalId: string) => GateStub;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** How long a Gate may take to answer, in milliseconds; 2000 if not given. */
  readonly timeoutMs?: number;
}

interface Line {
  readonly batcher: Batcher;
  readonly known: LastKnown;
}

/**
 * The one way to reach a Gate from an isolate. Concurrent requests for one principal share calls; an unlimited tier's answer is
 * remembered for as long as the tier allows; while a Gate cannot be reached, the last known state of the key counts down.
 */
export class GateClient {
  readonly #options: GateClientOptions;
  readonly #lines = new LRUCache<string, Line>({ max: 10_000 });

  constructor(options: GateClientOptions) {
    this.#options = options;
  }

  /** Asks whether one request may come in. Never rejects. */
  async admit(region: Region, principalId: string, proof: Proof, keepAlive: KeepAlive): Promise<Admission> {
    const line = this.#line(region, principalId);
    const reuse = line.known.reuse(proof, this.#options.now());
    if (reuse === null) return this.#ask(line, proof, keepAlive);
    if (reuse.refreshDue) keepAlive.waitUntil(this.#refresh(line, proof, keepAlive));
    return reuse.admission;
  }

  async #ask({ batcher, known }: Line, proof: Proof, keepAlive: KeepAlive): Promise<Admission> {
    const asked = await batcher.ask(proof, keepAlive);
    const now = this.#options.now();
    if (asked === null) return known.fallBack(proof, now);
    const { answer, at } = asked;
    if (answer.kind === "unavailable") return known.fallBack(proof, now, answer.retryAfterSeconds);
    const verdict = answer.verdicts[at];
    if (answer.facts === null || verdict === undefined || verdict.kind === "refused") {
      known.forget(proof);
      return { kind: "refused" };
    }
    known.learn(proof, answer.facts, verdict, answer, now);
    return verdict.kind === "admitted"
      ? { kind: "admitted", facts: answer.facts, limits: verdict.limits, usage: answer.usage }
      : { ...verdict, facts: answer.facts };
  }

  /** Asks anew for a principal that was already served from memory. */
  async #refresh({ batcher, known }: Line, proof: Proof, keepAlive: KeepAlive): Promise<void> {
    const asked = await batcher.ask(proof, keepAlive);
    const verdict = asked?.answer.kind === "decided" ? asked.answer.verdicts[asked.at] : undefined;
    if (asked?.answer.kind !== "decided" || verdict === undefined) known.refreshFailed(proof);
    else if (asked.answer.facts === null || verdict.kind === "refused") known.forget(proof);
    else known.learn(proof, asked.answer.facts, verdict, asked.answer, this.#options.now());
  }

  #line(region: Region, principalId: string): Line {
    const found = this.#lines.get(principalId);
    if (found !== undefined) return found;
    const { stubFor, timeoutMs = 2000 } = this.#options;
    const known = new LastKnown();
    const line = { known, batcher: new Batcher(() => stubFor(region, principalId), known, timeoutMs) };
    this.#lines.set(principalId, line);
    return line;
  }
}
