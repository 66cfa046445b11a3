import { isRegion, regionNames } from "../schema/regions.ts";
import { newDataKey, newPrivateJwk, newSessionKey } from "./secrets.ts";

// `npm run keys -- eu [session|data|audit-sealing|audit-signing]`: prints a new private key of a region, for its secret of that name; of a
// sealing key the public part too, for the edge.
const [region, use = "session"] = process.argv.slice(2);
if (!isRegion(region)) usage();
else if (use === "session") console.log(JSON.stringify(await newSessionKey(region)));
else if (use === "data") console.log(JSON.stringify(newDataKey(region)));
else if (use === "audit-signing") console.log(JSON.stringify(await newPrivateJwk(region, "EdDSA", "Ed25519")));
else if (use === "audit-sealing") {
  const { d, ...publicPart } = await newPrivateJwk(region, "ECDH-ES", "X25519");
  console.log(`AUDIT_SEALING_KEYS of ${region}, an element: ${JSON.stringify({ ...publicPart, d })}`);
  console.log(`AUDIT_PUBLIC_KEYS of the edge, under "${region}": ${JSON.stringify(publicPart)}`);
} else usage();

function usage(): void {
  console.error(`npm run keys -- ${regionNames.join("|")} [session|data|audit-sealing|audit-signing]`);
  process.exitCode = 1;
}
