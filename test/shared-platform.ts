import type { TestProject } from "vitest/node";
import { freePort } from "../dev/free-port.ts";
import { startOrigin } from "../dev/origin.ts";
import { startPlatform } from "../dev/platform.ts";
import { regionNames } from "../schema/regions.ts";
import { newStateFolder } from "./state-folder.ts";

/** What the tests of a run know of the one platform that they share. */
export interface SharedPlatform {
  readonly baseUrl: string;
  readonly operatorToken: string;
  readonly stateDir: string;
  /** Connection strings of the owner, by database. */
  readonly ownerUrls: Record<"global" | "us" | "eu", string>;
  /** Of the superuser, by region. */
  readonly superuserUrls: Record<"us" | "eu", string>;
  readonly appUrls: Record<"global" | "us" | "eu", string>;
  /** The sample origins, by region. */
  readonly origins: Record<"us" | "eu", string>;
}

declare module "vitest" {
  interface ProvidedContext {
    platform: SharedPlatform;
  }
}

/** Starts one platform for the whole run, on ports and in a folder of its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stateDir = newStateFolder();
  const platform = await startPlatform({ stateDir, temporary: true, port: await freePort() });
  const [us, eu] = await Promise.all(regionNames.map((region) => startOrigin(region, platform.baseUrl)));
  if (us === undefined || eu === undefined) throw new Error("a region has no sample origin");
  project.provide("platform", {
    baseUrl: platform.baseUrl,
    operatorToken: platform.secrets.operatorToken,
    stateDir,
    ownerUrls: { global: platform.ownerUrl("global"), us: platform.ownerUrl("us"), eu: platform.ownerUrl("eu") },
    appUrls: { global: platform.appUrl("global"), us: platform.appUrl("us"), eu: platform.appUrl("eu") },
    superuserUrls: { us: platform.superuserUrl("us"), eu: platform.superuserUrl("eu") },
    origins: { us: us.url, eu: eu.url },
  });
  return async () => {
    await Promise.all([us.close(), eu.close()]);
    await platform.close();
  };
}
