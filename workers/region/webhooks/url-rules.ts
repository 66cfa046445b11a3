import type { PublicUrlRules } from "../../../schema/public-url.ts";
import type { RegionSettings } from "../settings.ts";

/** What the URL of an endpoint must keep to, when it is registered and again at each delivery. */
export function webhookUrlRules({
  environment,
  issuer,
}: Pick<RegionSettings, "environment" | "issuer">): PublicUrlRules {
  return {
    local: environment === "local",
    ports: ["443", "8443"],
    query: true,
    ownHosts: [new URL(issuer).hostname],
  };
}
