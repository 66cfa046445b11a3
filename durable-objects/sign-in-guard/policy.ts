import type { Policy } from "../../schema/config.ts";

/** Guesses at the password of one account: ten, and one more each 30 s. */
export const accountPolicy: Policy = { name: "account", quota: 10, window_seconds: 300 };

/** Guesses from one address, or IPv6 network of 64 bits, at whatever accounts: a hundred, and one more each 6 s. */
export const addressPolicy: Policy = { name: "address", quota: 100, window_seconds: 600 };

/** Payloads and secrets that one principal or operator has opened: twenty, and one more each 3 s. */
export const disclosurePolicy: Policy = { name: "disclosure", quota: 20, window_seconds: 60 };
