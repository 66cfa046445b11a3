import { createHash } from "node:crypto";
import type { Region } from "../regions.ts";
import type { AuditEntry, Outcome, Personal } from "./entry.ts";

/**
 * What of a record is in the tree, and so can never be changed unnoticed. The personal fields are there twice over, and neither way
 * tells them: sealed, and as a commitment with a salt that is sealed with them. When the key is destroyed the leaf, and every proof,
 * stays what it was.
 */
export interface LeafRecord {
  readonly action: string;
  readonly api_key_id: string | null;
  /** How many requests the record stands for, in decimal digits; absent: one. */
  readonly count?: string | undefined;
  readonly customer_id: string;
  readonly id: string;
  readonly outcome: Outcome;
  /** Base64 of SHA-256(salt, personal fields). */
  readonly personal_commitment: string;
  /** Base64 of the personal fields under the subject's data key; null when that key was destroyed before the record was written. */
  readonly personal_sealed: string | null;
  readonly region: Region;
  readonly request_id: string;
  readonly resource_id: string | null;
  readonly resource_type: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly timestamp: string;
  readonly user_id: string | null;
}

/**
 * The bytes of a record's leaf: JSON in canonical form (RFC 8785; its values are strings and nulls only), with a version. Version 2
 * is for a record with a `count`. Every other record has version 1 and the same bytes as before there were counts.
 */
export function leafBytes(record: LeafRecord): Uint8Array {
  const { action, api_key_id, count, customer_id, id, outcome, personal_commitment, personal_sealed } = record;
  const { region, request_id, resource_id, resource_type, timestamp, user_id } = record;
  // In the order of their names, as RFC 8785 §3.2.3 wants it.
  const canonical = {
    action,
    api_key_id,
    ...(count !== undefined && { count }),
    customer_id,
    id,
    outcome,
    personal_commitment,
    personal_sealed,
    region,
    request_id,
    resource_id,
    resource_type,
    timestamp,
    user_id,
    v: count === undefined ? "1" : "2",
  };
  return new TextEncoder().encode(JSON.stringify(canonical));
}

/** Bytes of the salt of a commitment. */
export const saltBytes = 32;

/** The personal fields in canonical form (RFC 8785). */
export function personalBytes({ detail, ip_address, user_agent }: Personal): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ detail, ip_address, user_agent }));
}

/** Commits to personal fields without telling them: base64 of SHA-256(salt, fields). Without the 32-byte salt nothing can be guessed. */
export function commit(salt: Uint8Array, personal: Uint8Array): string {
  return createHash("sha256").update(salt).update(personal).digest("base64");
}

/** Which data key seals the personal fields of an entry: its user's, its API key's, or the operators'. */
export function subjectOf(entry: Pick<AuditEntry, "user_id" | "api_key_id">): string {
  return entry.user_id ?? entry.api_key_id ?? "operator";
}
