import { describe, expect, it } from "vitest";
import { formatCheckpoint, parseCheckpoint } from "./checkpoint.ts";
import { formatVerifierKey, openNote, parseVerifierKey, signNote } from "./note.ts";

/** The keys and the note with two signatures of Go's golang.org/x/mod/sumdb/note. */
const peter = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const enoch = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const peterLine =
  "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const enochLine =
  "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";
const note = `${text}\n${peterLine}${enochLine}`;

/** The example of https://c2sp.org/signed-note, and its key. */
const exampleKey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const exampleNote =
  "This is an example message.\n\n" +
  "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

/** The example of https://c2sp.org/tlog-checkpoint. */
const exampleCheckpoint = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

/** An Ed25519 key of a seed (RFC 8410 §7). */
async function signerOf(name: string, seed: Uint8Array) {
  const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  const privateKey = await crypto.subtle.importKey("pkcs8", Uint8Array.from(pkcs8), "Ed25519", true, ["sign"]);
  const { x } = (await crypto.subtle.exportKey("jwk", privateKey)) as JsonWebKey;
  return { name, privateKey, publicKey: Uint8Array.from(Buffer.from(x ?? "", "base64url")) };
}

describe("the notes of others", () => {
  it("are opened with either key or both, and with neither are not", async () => {
    for (const keys of [[peter], [enoch], [peter, enoch]]) expect(await openNote(note, keys)).toEqual({ text });
    expect(await openNote(note, [])).toBeNull();
    expect(await openNote(note, [exampleKey])).toBeNull();
    expect(await openNote(exampleNote, [exampleKey])).toEqual({ text: "This is an example message.\n" });
  });

  it("are written byte for byte as Go writes them: Enoch Root's key is that of a seed of zeros", async () => {
    const signer = await signerOf("EnochRoot", new Uint8Array(32));
    expect(formatVerifierKey(signer.name, signer.publicKey)).toBe(enoch);
    expect(await signNote(text, signer)).toBe(`${text}\n${enochLine}`);
  });

  it("are spoilt by a wrong signature of a known key, and not by one of an unknown", async () => {
    const wrong = `${text}\n${peterLine}${enochLine.replace("rwz+eBzm", "rwz+eBzn")}`;
    expect(await openNote(wrong, [peter])).toEqual({ text });
    expect(await openNote(wrong, [peter, enoch])).toBeNull();
    // The name of a known key, but another id; and the id, but another name.
    const otherId = `${text}\n${peterLine}${enochLine.replace("rwz+eB", "rwz+eR")}`;
    const otherName = `${text}\n${peterLine}${enochLine.replace("EnochRoot", "EnochRoos")}`;
    for (const ignored of [otherId, otherName]) expect(await openNote(ignored, [peter, enoch])).toEqual({ text });
  });
});

describe("malformed notes", () => {
  it("are refused, whoever signed them", async () => {
    const malformed = [
      text,
      `${text}\n`,
      `${text}${peterLine}`,
      note.slice(0, -1),
      `${note}\n`,
      `${note}—\n`,
      note.replace("— Enoch", "- Enoch"),
      note.replace("— Enoch", "—  Enoch"),
      note.replace("EnochRoot", "Enoch+Root"),
      note.replace("EnochRoot", "Enoch\u{a0}Root"),
      note.replace("EnochRoot", "Enoch\u{85}Root"),
      note.replace("+QQ=\n", "+QQ\n"),
      note.replace("+QQ=\n", "+QR=\n"),
      note.replace("+QQ=\n", "+Q_=\n"),
      `${text}\n${peterLine}— EnochRoot rwz+eA==\n`,
    ];
    for (const wrong of malformed) expect(await openNote(wrong, [peter]), JSON.stringify(wrong)).toBeNull();
  });

  it("are refused for control characters and for what UTF-8 cannot say, in signing too", async () => {
    const signer = await signerOf("log.example", new Uint8Array(32).fill(7));
    const key = formatVerifierKey(signer.name, signer.publicKey);
    for (const wrong of ["a\tb\n", "a\r\n", "\u{0}\n", "a\u{1b}[0m\n", "\ud800\n", "no newline", ""]) {
      await expect(signNote(wrong, signer)).rejects.toThrow(TypeError);
      const signature = await crypto.subtle.sign("Ed25519", signer.privateKey, new TextEncoder().encode(wrong));
      const keyId = parseVerifierKey(key)?.keyId ?? new Uint8Array();
      const line = Buffer.concat([keyId, new Uint8Array(signature)]).toString("base64");
      expect(await openNote(`${wrong}\n— log.example ${line}\n`, [key])).toBeNull();
    }
    expect(await openNote(await signNote("ed è\n\nsubito sera.\n", signer), [key])).not.toBeNull();
  });

  it("are those with more than a hundred signatures", async () => {
    expect(await openNote(`${text}\n${peterLine.repeat(100)}`, [peter])).toEqual({ text });
    expect(await openNote(`${text}\n${peterLine.repeat(101)}`, [peter])).toBeNull();
  });
});

describe("verifier keys", () => {
  it("are read and written alike", () => {
    for (const key of [peter, enoch, exampleKey]) {
      const { name, publicKey } = parseVerifierKey(key) ?? { name: "", publicKey: new Uint8Array() };
      expect(formatVerifierKey(name, publicKey)).toBe(key);
    }
  });

  it("are refused when anything of them is wrong", async () => {
    const wrong = [
      "",
      "PeterNeumann",
      peter.replace("c74f20a3", "C74F20A3"),
      peter.replace("c74f20a3", "c74f20a"),
      peter.replace("PeterNeumann", "Peter Neumann"),
      peter.replace("PeterNeumann", ""),
      peter.replace("+ARpc", "+ZRpc"),
      `${peter}=`,
      `${peter}\n`,
      peter.slice(0, -4),
      // The id that fits a key of an unknown type: one of Go's own bad examples.
      "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ];
    for (const key of wrong) expect(parseVerifierKey(key), key).toBeNull();
    const signer = await signerOf("log.example", new Uint8Array(32));
    for (const name of ["", "a b", "a+b", "a\nb", "a\u{85}b"]) {
      expect(() => formatVerifierKey(name, signer.publicKey)).toThrow(TypeError);
      await expect(signNote("a\n", { ...signer, name })).rejects.toThrow(TypeError);
    }
    expect(() => formatVerifierKey("a", new Uint8Array(31))).toThrow(TypeError);
  });
});

describe("the checkpoint of the specification", () => {
  it("is read, and written as it was", () => {
    const checkpoint = parseCheckpoint(exampleCheckpoint);
    expect(checkpoint).toMatchObject({ origin: "example.com/behind-the-sofa", size: 20_852_163 });
    expect(checkpoint && formatCheckpoint(checkpoint)).toBe(exampleCheckpoint);
  });

  it("has one spelling of its root, and no number above 2^53 - 1", () => {
    for (const root of ["CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I", "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J="])
      expect(parseCheckpoint(`o\n1\n${root}\n`)).toBeNull();
    for (const size of ["", "+1", "1.0", "1e3", " 1", "00", "9007199254740992"])
      expect(parseCheckpoint(exampleCheckpoint.replace("20852163", size)), size).toBeNull();
    expect(parseCheckpoint(exampleCheckpoint.replace("20852163", "9007199254740991"))?.size).toBe(2 ** 53 - 1);
    expect(parseCheckpoint(exampleCheckpoint.replace("20852163", "0"))?.size).toBe(0);
  });

  it("is not written with an origin that brings lines of its own, nor a size or a root that is none", () => {
    const root = new Uint8Array(32);
    const forged = `log.example\n9\n${Buffer.from(root).toString("base64")}`;
    for (const origin of ["", "a\nb", forged]) expect(() => formatCheckpoint({ origin, size: 1, root })).toThrow();
    for (const size of [-1, 0.5, Number.NaN, 2 ** 53, 1e21])
      expect(() => formatCheckpoint({ origin: "o", size, root })).toThrow(TypeError);
    expect(() => formatCheckpoint({ origin: "o", size: 1, root: root.subarray(1) })).toThrow(TypeError);
  });
});
