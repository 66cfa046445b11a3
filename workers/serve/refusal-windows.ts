import type { AuditEntry } from "../../schema/audit/entry.ts";
import { createSession } from "../../schema/http/sessions.ts";
import { newId, timeOfId } from "../../schema/ids.ts";

type WaitUntil = (promise: Promise<unknown>) => void;

/** How many requests were refused, by action and status: `{ "me.read 429": 12 }`. */
export type RefusedKinds = Readonly<Record<string, number>>;

/** The refusals of one principal since the first of them. */
interface Window {
  readonly first: AuditEntry;
  readonly since: number;
  readonly kinds: Map<string, number>;
}

/** Kinds of refusals that are told apart; the others are counted together. */
const maximumKinds = 8;
const otherKinds = "other";
const signInAction = createSession.action;

/**
 * Counts refused requests in windows of a principal: a principal who is refused again and again must not fill a log. State is data
 * only, and no request waits for another: the request that opens a window closes it behind its response.
 */
export class RefusalWindows {
  readonly #windowMs: number;
  readonly #close: (first: AuditEntry, kinds: RefusedKinds, waitUntil: WaitUntil) => Promise<void>;
  readonly #windows = new Map<string, Window>();

  /** `close` is called with the first refusal of a window and how many there were. It must not reject. */
  constructor(
    windowMs: number,
    close: (first: AuditEntry, kinds: RefusedKinds, waitUntil: WaitUntil) => Promise<void>,
  ) {
    this.#windowMs = windowMs;
    this.#close = close;
  }

  /** Counts refused requests, of which `entry` is the first. Sign-ins to an account are counted apart from its sessions' requests. */
  add(entry: AuditEntry, kinds: RefusedKinds, waitUntil: WaitUntil): void {
    const key = `${entry.customer_id} ${entry.user_id ?? entry.api_key_id} ${entry.action === signInAction}`;
    this.#closeOverdue(waitUntil);
    const open = this.#windows.get(key);
    const window = open ?? { first: entry, since: Date.now(), kinds: new Map<string, number>() };
    for (const [kind, count] of Object.entries(kinds)) {
      const counted = window.kinds.has(kind) || window.kinds.size < maximumKinds ? kind : otherKinds;
      window.kinds.set(counted, (window.kinds.get(counted) ?? 0) + count);
    }
    if (open !== undefined) return;
    this.#windows.set(key, window);
    waitUntil(
      new Promise((resolved) => {
        setTimeout(resolved, this.#windowMs);
      }).then(() => this.#closeOne(key, window, waitUntil)),
    );
  }

  /** Closes windows whose request was torn down before its timer. They are in the order in which they were opened. */
  #closeOverdue(waitUntil: WaitUntil): void {
    for (const [key, window] of this.#windows) {
      if (Date.now() - window.since < 1.2 * this.#windowMs) return;
      waitUntil(this.#closeOne(key, window, waitUntil));
    }
  }

  async #closeOne(key: string, window: Window, waitUntil: WaitUntil): Promise<void> {
    if (this.#windows.get(key) !== window) return;
    this.#windows.delete(key);
    await this.#close(window.first, Object.fromEntries(window.kinds), waitUntil);
  }
}

/**
 * The record of a window, made when it ends: it names the first refused request, and has the number of all. What was refused besides
 * it is in `detail`.
 */
export function aggregatedEntry(first: AuditEntry, kinds: RefusedKinds): AuditEntry {
  const id = newId("auditRecord");
  const entry = { ...first, id, timestamp: timeOfId(id) };
  const counts = Object.entries(kinds);
  const count = counts.reduce((sum, [, times]) => sum + times, 0);
  if (count <= 1) return entry;
  const listed = counts.map(([kind, times]) => `${kind} ×${times}`).join(", ");
  return { ...entry, count, detail: counts.length > 1 ? `Refused: ${listed}`.slice(0, 1024) : first.detail };
}
