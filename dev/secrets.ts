import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from "jose";
import { regionNames, type Region } from "../schema/regions.ts";
import { writePrivately } from "./write-file.ts";

/** A private key with its `kid`. */
export type PrivateJwk = Record<"kty" | "crv" | "x" | "d" | "kid", string>;

/** A private session key with its `kid`. */
export type SessionKey = PrivateJwk;

/** The secrets of the platform on one machine, made once. */
export interface LocalSecrets {
  readonly directoryKey: string;
  readonly operatorToken: string;
  readonly superuserPassword: string;
  readonly ownerPassword: string;
  /** Passwords of the login roles, by database. */
  readonly appPasswords: Record<"global" | Region, string>;
  /** Of the roles that write the audit log, and that move its old days. */
  readonly auditPasswords: Record<Region, string>;
  readonly archiverPasswords: Record<Region, string>;
  /** Of the role that delivers webhooks. */
  readonly webhooksPasswords: Record<Region, string>;
  /** Of the role that writes events. */
  readonly eventsPasswords: Record<Region, string>;
  /** The password of the demo users. */
  readonly demoPassword: string;
  readonly regions: Record<Region, RegionSecrets>;
}

/** The secrets of one region. */
export interface RegionSecrets {
  readonly sessionKeys: SessionKey[];
  readonly checksumKey: string;
  /** The first seals, all of them open. */
  readonly dataKeys: { readonly id: string; readonly key: string }[];
  readonly hashKey: string;
  /** X25519: what the edge seals audit messages to. */
  readonly auditSealingKeys: PrivateJwk[];
  /** Ed25519: signs checkpoints of the audit log. */
  readonly auditSigningKey: PrivateJwk;
}

/** Reads the secrets of `stateDir`, made on the first run and readable by this user alone. What an older version did not have is added. */
export async function localSecrets(stateDir: string): Promise<LocalSecrets> {
  const file = join(stateDir, "secrets.json");
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Partial<LocalSecrets>) : {};
  const fresh = await newSecrets();
  const regions = regionNames.map((region) => [region, { ...fresh.regions[region], ...known.regions?.[region] }]);
  const secrets = { ...fresh, ...known, regions: Object.fromEntries(regions) as LocalSecrets["regions"] };
  mkdirSync(stateDir, { recursive: true });
  writePrivately(file, JSON.stringify(secrets, null, 2));
  return secrets;
}

async function newSecrets(): Promise<LocalSecrets> {
  const regions = await Promise.all(
    regionNames.map(async (region) => [region, await newRegionSecrets(region)] as const),
  );
  return {
    directoryKey: random(),
    operatorToken: random(),
    superuserPassword: random(),
    ownerPassword: random(),
    appPasswords: { global: random(), us: random(), eu: random() },
    auditPasswords: { us: random(), eu: random() },
    archiverPasswords: { us: random(), eu: random() },
    webhooksPasswords: { us: random(), eu: random() },
    eventsPasswords: { us: random(), eu: random() },
    demoPassword: `demo-${random().slice(0, 16)}`,
    regions: Object.fromEntries(regions) as LocalSecrets["regions"],
  };
}

async function newRegionSecrets(region: Region): Promise<RegionSecrets> {
  return {
    sessionKeys: [await newSessionKey(region)],
    checksumKey: random(),
    dataKeys: [newDataKey(region)],
    hashKey: random(),
    auditSealingKeys: [await newPrivateJwk(region, "ECDH-ES", "X25519")],
    auditSigningKey: await newPrivateJwk(region, "EdDSA", "Ed25519"),
  };
}

/** A new private session key of a region: Ed25519, `kid` = region and the first 16 characters of its thumbprint (RFC 7638). */
export function newSessionKey(region: Region): Promise<SessionKey> {
  return newPrivateJwk(region, "EdDSA", "Ed25519");
}

/** A new private key of a region on an Edwards or Montgomery curve (RFC 8037), named as session keys are. */
export async function newPrivateJwk(region: Region, alg: "EdDSA" | "ECDH-ES", curve: string): Promise<PrivateJwk> {
  const { privateKey } = await generateKeyPair(alg, { crv: curve, extractable: true });
  const { kty, crv, x, d } = await exportJWK(privateKey);
  if (!kty || !crv || !x || !d) throw new Error("an OKP key has kty, crv, x and d");
  const thumbprint = await calculateJwkThumbprint({ kty, crv, x });
  return { kty, crv, x, d, kid: `${region}_${thumbprint.slice(0, 16)}` };
}

/** A new key for a region's ring. */
export function newDataKey(region: Region): { id: string; key: string } {
  return { id: `${region}_${randomBytes(6).toString("hex")}`, key: random() };
}

function random(): string {
  return randomBytes(32).toString("base64url");
}
