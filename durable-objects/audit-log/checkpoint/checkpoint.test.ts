import { describe, expect, it } from "vitest";
import { formatCheckpoint, parseCheckpoint } from "./checkpoint.ts";
import { formatVerifierKey, openNote, parseVerifierKey, signNote } from "./note.ts";

/** The example of Go's golang.org/x/mod/sumdb/note. */
const neumann = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const neumannNote =
  "If you think cryptography is the answer to your problem,\n" +
  "then you don't know what your problem is.\n" +
  "\n" +
  "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

async function newSigner(name: string) {
  const pair = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
  const publicKey = new Uint8Array((await crypto.subtle.exportKey("raw", pair.publicKey)) as ArrayBuffer);
  return { name, privateKey: pair.privateKey, publicKey };
}

describe("signed notes", () => {
  it("opens the example of Go's sumdb/note, and no changed one", async () => {
    expect(parseVerifierKey(neumann)).not.toBeNull();
    expect((await openNote(neumannNote, [neumann]))?.text).toMatch(/^If you think/);
    expect(await openNote(neumannNote.replace("answer", "reason"), [neumann])).toBeNull();
  });

  it("refuses a verifier key whose id is another's", () => {
    expect(parseVerifierKey(neumann.replace("c74f20a3", "c74f20a4"))).toBeNull();
    expect(parseVerifierKey("nonsense")).toBeNull();
  });

  it("opens what it signed, passes over witnesses, and is spoilt by a wrong signature of a known key", async () => {
    const signer = await newSigner("log.example/eu");
    const key = formatVerifierKey(signer.name, signer.publicKey);
    const note = await signNote("a\nb\n", signer);
    expect(await openNote(note, [key])).toEqual({ text: "a\nb\n" });
    const witness = (await signNote("a\nb\n", await newSigner("witness.example"))).split("\n").at(-2);
    expect(await openNote(`${note}${witness}\n`, [key])).toEqual({ text: "a\nb\n" });
    const wrong = (await signNote("a\nc\n", signer)).split("\n").at(-2);
    expect(await openNote(`${note}${wrong}\n`, [key])).toBeNull();
    const other = await newSigner("log.example/eu");
    expect(await openNote(note, [formatVerifierKey(other.name, other.publicKey)])).toBeNull();
  });
});

describe("checkpoints", () => {
  const root = Uint8Array.from({ length: 32 }, (_, at) => at);

  it("are three lines, and read as they were written", () => {
    const text = formatCheckpoint({ origin: "log.example/eu/cus_1", size: 42, root });
    expect(text).toBe("log.example/eu/cus_1\n42\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
    expect(parseCheckpoint(text)).toEqual({ origin: "log.example/eu/cus_1", size: 42, root });
    expect(parseCheckpoint(`${text}an extension\n`)?.size).toBe(42);
  });

  it("are refused when they are anything else", () => {
    const encoded = Buffer.from(root).toString("base64");
    const wrong = ["", "o\n", `o\n042\n${encoded}\n`, `o\n-1\n${encoded}\n`, `o\n1\n${encoded}`, `o\n1\nAAEC\n`];
    for (const text of [...wrong, `\n1\n${encoded}\n`, `o\n99999999999999999\n${encoded}\n`, `o\n1\n${encoded}\n\nx\n`])
      expect(parseCheckpoint(text)).toBeNull();
  });
});
