import { CompactEncrypt, compactDecrypt } from "jose";
import type { z } from "zod";
import {
  importSealingKey,
  type sealingPrivateKeySchema,
  type sealingPublicKeySchema,
  type SealingKey,
} from "../../../schema/audit/message.ts";
import { regionNames, type Region } from "../../../schema/regions.ts";

type PublicKeys = Readonly<Record<Region, z.infer<typeof sealingPublicKeySchema>>>;
type PrivateKeys = readonly z.infer<typeof sealingPrivateKeySchema>[];

/** Tells what is sealed here from audit messages, which the same keys open. */
const type = "domicile-webhook-secret+jwe";

/** Seals text from one region to another, on its way through global, which can open nothing: ECDH-ES over X25519 with A256GCM (RFC 7516, 8037). */
export class RegionSeals {
  readonly #region: Region;
  readonly #public: PublicKeys;
  readonly #private: PrivateKeys;

  constructor(region: Region, publicKeys: PublicKeys, privateKeys: PrivateKeys) {
    this.#region = region;
    this.#public = publicKeys;
    this.#private = privateKeys;
  }

  /** Seals text to every other region. */
  async sealToOthers(text: string): Promise<Partial<Record<Region, string>>> {
    const others = regionNames.filter((name) => name !== this.#region);
    const sealed = await Promise.all(others.map(async (name) => [name, await this.#sealTo(name, text)] as const));
    return Object.fromEntries(sealed);
  }

  /** Opens what another region sealed to this one; rejects if it did not. */
  async open(sealed: string): Promise<string> {
    const { plaintext } = await compactDecrypt(sealed, (header) => this.#keyFor(header.kid, header.typ));
    return new TextDecoder().decode(plaintext);
  }

  async #sealTo(region: Region, text: string): Promise<string> {
    const { kid, key } = await importSealingKey(this.#public[region]);
    return new CompactEncrypt(new TextEncoder().encode(text))
      .setProtectedHeader({ alg: "ECDH-ES", enc: "A256GCM", kid, typ: type })
      .encrypt(key);
  }

  async #keyFor(kid: unknown, typ: unknown): Promise<SealingKey["key"]> {
    const found = this.#private.find((key) => key.kid === kid);
    if (found === undefined || typ !== type) throw new Error("a secret was not sealed to this region");
    return (await importSealingKey(found)).key;
  }
}
