import type { LoginLookupApi } from "../../schema/config.ts";
import { reached } from "../serve/reached.ts";

/** The login directory; `unavailable` (503) when global or its database cannot be reached. */
export function loginLookup(directory: LoginLookupApi): LoginLookupApi {
  return {
    byHash: (hash) => reached(directory.byHash(hash)),
    byUsers: (userIds) => reached(directory.byUsers(userIds)),
  };
}
