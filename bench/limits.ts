/** The two limits of a principal that both stacks keep; so wide that no request is refused. */
export const limitPolicies = [
  { name: "sec", quota: 1_000_000, window_seconds: 1 },
  { name: "min", quota: 1_000_000, window_seconds: 60 },
] as const;

/** `LIMITS=1`: both stacks keep `limitPolicies` for each request of `bench:api`; otherwise neither has limits. */
export const hasLimits = process.env["LIMITS"] === "1";
