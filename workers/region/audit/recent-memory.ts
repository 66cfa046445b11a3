import { ExpiringCache } from "../../../durable-objects/expiring-cache.ts";
import type { AuditRecord } from "../../../schema/http/audit-logs.ts";

/** For how long a caller's last actions are remembered, in milliseconds. */
export const rememberedMs = 300_000;
/** Callers whose actions an isolate remembers. */
const maximumCallers = 2000;

/** A caller's last actions, and when they were read, in epoch milliseconds. */
export interface RecentActions {
  readonly data: readonly AuditRecord[];
  readonly readAt: number;
}

/** Callers' own last actions, at most five minutes old: a dashboard asks often. */
export class RecentMemory {
  readonly #remembered = new ExpiringCache<RecentActions>(maximumCallers);

  /** What is remembered of a principal at `now` (epoch milliseconds), or what `read` returns. */
  async find(principalId: string, now: number, read: () => Promise<readonly AuditRecord[]>): Promise<RecentActions> {
    const known = this.#remembered.get(principalId, now);
    if (known !== undefined) return known;
    const actions = { data: await read(), readAt: now };
    this.#remembered.set(principalId, actions, now + rememberedMs);
    return actions;
  }
}
