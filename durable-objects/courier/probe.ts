import { parkedPause } from "./policy.ts";

interface Planned {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly rounds: number;
}

/** When an endpoint that fails is tried with a dead letter, to see whether it answers again: later each time. */
export class Probe {
  readonly #kv: SyncKvStorage;

  constructor(kv: SyncKvStorage) {
    this.#kv = kv;
  }

  /** When, epoch milliseconds; null: nothing is planned. */
  get at(): number | null {
    return this.#kv.get<Planned>("probe")?.at ?? null;
  }

  isDue(now: number): boolean {
    return this.at !== null && this.at <= now;
  }

  /** Plans the first, if none is. */
  plan(now: number): void {
    if (this.at === null) this.#kv.put("probe", { at: now + parkedPause(0), rounds: 0 });
  }

  /** One is under way: plans the next. If there was nothing to try it with, after the same pause. */
  begun(now: number, tried: boolean): void {
    const rounds = (this.#kv.get<Planned>("probe")?.rounds ?? 0) + (tried ? 1 : 0);
    this.#kv.put("probe", { at: now + parkedPause(rounds), rounds });
  }

  forget(): void {
    if (this.at !== null) this.#kv.delete("probe");
  }
}
