import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from "jose";
import { regionNames, type Region } from "../schema/regions.ts";
import { writePrivately } from "./write-file.ts";

/** A private session key with its `kid`. */
export type SessionKey = Record<"kty" | "crv" | "x" | "d" | "kid", string>;

/** The secrets of the platform on one machine, made once. */
export interface LocalSecrets {
  readonly directoryKey: string;
  readonly operatorToken: string;
  readonly superuserPassword: string;
  readonly ownerPassword: string;
  /** Passwords of the login roles, by database. */
  readonly appPasswords: Record<"global" | Region, string>;
  /** The password of the demo users. */
  readonly demoPassword: string;
  readonly regions: Record<Region, { sessionKeys: SessionKey[]; checksumKey: string; dataKey: string }>;
}

/** Reads the secrets of `stateDir`, made on the first run and readable by this user alone. */
export async function localSecrets(stateDir: string): Promise<LocalSecrets> {
  const file = join(stateDir, "secrets.json");
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as LocalSecrets;
  const regions = await Promise.all(
    regionNames.map(async (region) => {
      const secrets = { sessionKeys: [await newSessionKey(region)], checksumKey: random(), dataKey: random() };
      return [region, secrets] as const;
    }),
  );
  const secrets: LocalSecrets = {
    directoryKey: random(),
    operatorToken: random(),
    superuserPassword: random(),
    ownerPassword: random(),
    appPasswords: { global: random(), us: random(), eu: random() },
    demoPassword: `demo-${random().slice(0, 16)}`,
    regions: Object.fromEntries(regions) as LocalSecrets["regions"],
  };
  mkdirSync(stateDir, { recursive: true });
  writePrivately(file, JSON.stringify(secrets, null, 2));
  return secrets;
}

/** A new private session key of a region: Ed25519, `kid` = region and the first 16 characters of its thumbprint (RFC 7638). */
export async function newSessionKey(region: Region): Promise<SessionKey> {
  const { privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  const { kty, crv, x, d } = await exportJWK(privateKey);
  if (!kty || !crv || !x || !d) throw new Error("an Ed25519 key has kty, crv, x and d");
  const thumbprint = await calculateJwkThumbprint({ kty, crv, x });
  return { kty, crv, x, d, kid: `${region}_${thumbprint.slice(0, 16)}` };
}

function random(): string {
  return randomBytes(32).toString("base64url");
}
