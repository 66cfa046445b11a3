import { DurableObject } from "cloudflare:workers";
import type { Bucket } from "../../schema/admission.ts";
import type { Policy } from "../../schema/config.ts";
import { credit, debit, fullBucket, refill, remaining, waitMs } from "../gate/token-bucket.ts";

/** Whether one more guess may be made. */
export type GuessVerdict =
  | { readonly kind: "allowed" }
  | { readonly kind: "limited"; readonly retryAfterSeconds: number };

/**
 * Counts guesses at one account or from one address, and what one principal has had opened, in the home jurisdiction. Named by a keyed hash, so that its name says
 * nothing. A guess is debited before the password is looked at and given back when it was right, so that guesses made at once
 * cannot slip through together. Written each time: guesses are rare, and forgetting one would be a gift.
 */
export class SignInGuardObject<Env = unknown> extends DurableObject<Env> {
  /** Debits one guess, or says how long to wait. */
  async take(policy: Policy): Promise<GuessVerdict> {
    const now = Date.now();
    const bucket = this.#read(policy, now);
    if (remaining(bucket) < 1) {
      return { kind: "limited", retryAfterSeconds: Math.max(1, Math.ceil(waitMs(bucket, now) / 1000)) };
    }
    this.#write(debit(bucket, 1));
    await this.ctx.storage.setAlarm(now + policy.window_seconds * 1000);
    return { kind: "allowed" };
  }

  /** Gives one guess back: it was right. */
  async refund(policy: Policy): Promise<void> {
    // After the alarm there is nothing to give back, and nothing may be written that no alarm forgets.
    if (this.ctx.storage.kv.get("bucket") === undefined) return;
    this.#write(credit(this.#read(policy, Date.now()), 1));
  }

  /** A whole window without a guess has filled the bucket: nothing is left to remember. */
  override async alarm(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }

  #read(policy: Policy, now: number): Bucket {
    const stored = this.ctx.storage.kv.get<Bucket>("bucket");
    return stored === undefined ? fullBucket(policy, now) : refill(stored, now);
  }

  #write(bucket: Bucket): void {
    this.ctx.storage.kv.put("bucket", bucket);
  }
}
