import type { AuditEntry } from "../../../schema/audit/entry.ts";
import { createSession } from "../../../schema/http/sessions.ts";

type WaitUntil = (promise: Promise<unknown>) => void;

/** The refusals of one principal since the first of them. */
interface Window {
  readonly first: AuditEntry;
  readonly since: number;
  /** How often each kind of refusal came, by action and status. */
  readonly kinds: Map<string, number>;
  count: number;
}

/** For how long refusals of a principal are counted before they are recorded, in milliseconds. */
const windowMs = 10_000;
/** A window that is still open by then belongs to a request that was torn down, in milliseconds. */
const overdueMs = 12_000;
const signInAction = createSession.action;
/** Kinds of refusals that a record tells apart. */
const maximumKinds = 8;

/**
 * Counts refused requests, so that a principal who is refused again and again cannot fill a log: one record for each principal
 * and ten seconds. It names the first refused request, and has the number of all of them as `count`.
 */
export class Refusals {
  readonly #write: (entry: AuditEntry, waitUntil: WaitUntil) => void;
  readonly #windows = new Map<string, Window>();

  /** `write` records an entry behind the response. */
  constructor(write: (entry: AuditEntry, waitUntil: WaitUntil) => void) {
    this.#write = write;
  }

  /**
   * Counts refused requests with this status: `count` of them, of which `entry` is the first. Refused sign-ins to an account are
   * counted apart from refusals of its sessions.
   */
  add(entry: AuditEntry, status: number, count: number, waitUntil: WaitUntil): void {
    const key = `${entry.customer_id} ${entry.user_id ?? entry.api_key_id} ${entry.action === signInAction}`;
    this.#flushOverdue(waitUntil);
    const open = this.#windows.get(key);
    const window = open ?? { first: entry, since: Date.now(), kinds: new Map<string, number>(), count: 0 };
    window.count += count;
    const kind = `${entry.action} ${status}`;
    if (window.kinds.has(kind) || window.kinds.size < maximumKinds)
      window.kinds.set(kind, (window.kinds.get(kind) ?? 0) + count);
    if (open !== undefined) return;
    this.#windows.set(key, window);
    waitUntil(
      new Promise((resolved) => {
        setTimeout(resolved, windowMs);
      }).then(() => this.#flush(key, window, waitUntil)),
    );
  }

  /** Windows are in the order in which they were opened: the oldest first. */
  #flushOverdue(waitUntil: WaitUntil): void {
    for (const [key, window] of this.#windows) {
      if (Date.now() - window.since < overdueMs) return;
      this.#flush(key, window, waitUntil);
    }
  }

  #flush(key: string, window: Window, waitUntil: WaitUntil): void {
    if (this.#windows.get(key) !== window) return;
    this.#windows.delete(key);
    this.#write(aggregated(window), waitUntil);
  }
}

/** The record of a window. What was refused besides the first request is in `detail`. */
function aggregated({ first, count, kinds }: Window): AuditEntry {
  if (count === 1) return first;
  const listed = [...kinds].map(([kind, times]) => `${kind} ×${times}`).join(", ");
  return { ...first, count, detail: kinds.size > 1 ? `Refused: ${listed}`.slice(0, 1024) : first.detail };
}
