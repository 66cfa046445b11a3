import { LRUCache } from "lru-cache";
import { apiKeyChecksum, hashApiKeySecret, parseApiKey } from "../../../schema/api-key.ts";
import { AppError } from "../../../schema/errors.ts";
import type { Region } from "../../../schema/regions.ts";

/** An API key whose checksum is right: who it says it is, and what its Gate compares. */
export interface CheckedApiKey {
  readonly region: Region;
  readonly id: string;
  readonly secretHash: string;
}

/** Verifies the form and the keyed checksum of API keys by arithmetic alone; a made-up key wakes nothing. */
export class ApiKeyVerifier {
  readonly #checksumKeys: Readonly<Record<Region, string>>;
  readonly #checked = new LRUCache<string, CheckedApiKey>({ max: 10_000 });

  constructor(checksumKeys: Readonly<Record<Region, string>>) {
    this.#checksumKeys = checksumKeys;
  }

  /** The parts of a key; `unauthorized` (401) for one that no region made. */
  async verify(text: string): Promise<CheckedApiKey> {
    const known = this.#checked.get(text);
    if (known !== undefined) return known;
    const parts = parseApiKey(text);
    if (parts === null) throw new AppError("unauthorized");
    const checksum = await apiKeyChecksum(parts.body, this.#checksumKeys[parts.region]);
    if (!equal(checksum, parts.checksum)) throw new AppError("unauthorized");
    const checked = { region: parts.region, id: parts.id, secretHash: await hashApiKeySecret(parts.secret) };
    this.#checked.set(text, checked);
    return checked;
  }
}

/** Whether two ASCII texts are equal, in a time that does not depend on where they differ. */
function equal(left: string, right: string): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let at = 0; at < left.length; at++) difference |= left.charCodeAt(at) ^ right.charCodeAt(at);
  return difference === 0;
}
