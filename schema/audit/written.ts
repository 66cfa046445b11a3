/** What became of a message: its entries are in the log, now or already; it can never be; or the database could not be reached. */
export type WriteOutcome =
  | { readonly kind: "written" }
  | { readonly kind: "poison"; readonly reason: string }
  | { readonly kind: "away" };
