import type { LoginDirectoryApi } from "../../../schema/config.ts";
import { reached } from "../../serve/reached.ts";

/** The login directory, for writing; `unavailable` (503) when global or its database cannot be reached. */
export function loginDirectory({ DIRECTORY: global }: RegionEnv): LoginDirectoryApi {
  return {
    reserve: (...login) => reached(global.reserve(...login)),
    confirm: (...login) => reached(global.confirm(...login)),
    release: (userId) => reached(global.release(userId)),
  };
}
