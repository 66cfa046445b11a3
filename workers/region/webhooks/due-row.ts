import type { Region } from "../../../schema/regions.ts";
import type { JsonCustomerKey } from "./customer-keys.ts";

/** A delivery with its event, as Postgres has it. */
export interface DueRow {
  readonly customer_id: string;
  readonly id: string;
  readonly event_id: string;
  readonly status: "pending" | "dead_letter";
  readonly attempts: number;
  readonly tries: number;
  readonly rounds: number;
  /** Whether others were left out because they were too large together. */
  readonly cut: boolean;
  readonly type: string;
  readonly payload: Uint8Array | null;
  readonly created_at: Date;
}

/** An endpoint as its Courier sees it. */
export interface EndpointRow {
  readonly customer_id: string;
  readonly id: string;
  readonly home_region: Region;
  readonly version: number;
  readonly url: string;
  readonly status: "enabled" | "disabled";
  readonly ordering: "none" | "fifo";
  readonly rate_per_second: number | null;
  readonly public_key_id: string | null;
  readonly failing_since: Date | null;
  readonly opted_in: boolean;
  readonly deleted: boolean;
  /** The valid ones, newest first; base64. */
  readonly secrets: readonly { readonly number: number; readonly sealed: string }[];
  readonly keys: readonly JsonCustomerKey[];
}
