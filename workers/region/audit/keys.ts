import { base64url, importJWK, type CryptoKey } from "jose";
import { z } from "zod";
import type { NoteSigner } from "../../../durable-objects/audit-log/checkpoint/note.ts";
import type { KeyWrapping } from "../../../durable-objects/audit-log/data-keys.ts";
import { importSealingKey, type sealingPrivateKeySchema, type SealingKey } from "../../../schema/audit/message.ts";
import type { Region } from "../../../schema/regions.ts";
import type { DataKeyRing } from "../sealing/data-key-ring.ts";

/** A zod schema for the key that signs checkpoints: a private Ed25519 JWK (RFC 8037). */
export const signingKeySchema = z.object({
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  x: z.string(),
  d: z.string(),
  kid: z.string().min(1),
});

/** The keys of a region's audit log. */
export interface AuditKeys extends KeyWrapping {
  readonly sealingKeys: () => Promise<readonly SealingKey[]>;
  /** The public part of the newest of them. */
  readonly ownPublicKey: () => Promise<SealingKey>;
  /** Signs for one log: the name of its key is the log's (https://c2sp.org/tlog-checkpoint), the key is the region's. */
  readonly signer: (customerId: string) => Promise<NoteSigner>;
  /** The name of a customer's log: the first line of its checkpoints. */
  readonly originOf: (customerId: string) => string;
}

const purpose = "audit-data-key";

/** Imports the keys of a region's audit log, each once. `issuer` is the public origin; its host begins the name of every log. */
export function auditKeys(
  region: Region,
  issuer: string,
  ring: DataKeyRing,
  secrets: {
    readonly sealing: readonly z.infer<typeof sealingPrivateKeySchema>[];
    readonly signing: z.infer<typeof signingKeySchema>;
  },
): AuditKeys {
  const name = `${new URL(issuer).host}/audit/${region}`;
  let sealing: readonly SealingKey[] | undefined;
  let ownPublic: SealingKey | undefined;
  let signing: CryptoKey | undefined;
  const signingKey = async (): Promise<CryptoKey> => {
    const imported = signing ?? (await importSigningKey(secrets.signing));
    signing = imported;
    return imported;
  };
  return {
    sealingKeys: async () => (sealing ??= await Promise.all(secrets.sealing.map(importSealingKey))),
    ownPublicKey: async () => {
      const [newest] = secrets.sealing;
      if (newest === undefined) throw new TypeError("a region has a sealing key");
      const { kty, crv, x, kid } = newest;
      return (ownPublic ??= await importSealingKey({ kty, crv, x, kid }));
    },
    signer: async (customerId) => ({
      name: `${name}/${customerId}`,
      privateKey: await signingKey(),
      publicKey: base64url.decode(secrets.signing.x),
    }),
    originOf: (customerId) => `${name}/${customerId}`,
    wrap: ({ customerId, subjectId }, key) => ring.seal(purpose, `${customerId}/${subjectId}`, base64url.encode(key)),
    unwrap: async ({ customerId, subjectId }, wrapped) =>
      base64url.decode(await ring.open(purpose, `${customerId}/${subjectId}`, wrapped)),
  };
}

async function importSigningKey(jwk: z.infer<typeof signingKeySchema>): Promise<CryptoKey> {
  const key = await importJWK(jwk, "EdDSA");
  if (key instanceof Uint8Array) throw new TypeError("a private Ed25519 key is no secret");
  return key;
}
