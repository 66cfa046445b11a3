import { isRegion, regionNames } from "../schema/regions.ts";
import { newSessionKey } from "./secrets.ts";

// `npm run keys -- eu`: prints a new private session key of a region, for its secret SESSION_KEYS.
const region = process.argv[2];
if (isRegion(region)) console.log(JSON.stringify(await newSessionKey(region)));
else {
  console.error(`Name a region: npm run keys -- ${regionNames.join("|")}`);
  process.exitCode = 1;
}
