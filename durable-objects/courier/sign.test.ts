import { describe, expect, it } from "vitest";
import { signatureHeader } from "./sign.ts";

const secret = Uint8Array.from(atob("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), (char) => char.charCodeAt(0));
const body = new TextEncoder().encode('{"test": 2432232314}');
const signable = { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body };

describe("a signature", () => {
  it("is that of the public example of Standard Webhooks", async () => {
    const header = await signatureHeader(signable, [{ hmac: secret, ed25519: null }]);
    expect(header).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  });

  it("is made by every secret, and by Ed25519 where there is a key", async () => {
    const pair = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
    const ed25519 = new Uint8Array((await crypto.subtle.exportKey("pkcs8", pair.privateKey)) as ArrayBuffer);
    const other = crypto.getRandomValues(new Uint8Array(32));
    const header = await signatureHeader(signable, [
      { hmac: other, ed25519 },
      { hmac: secret, ed25519: null },
    ]);
    const parts = header.split(" ");
    expect(parts.map((part) => part.split(",")[0])).toEqual(["v1", "v1a", "v1"]);
    expect(parts[2]).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    const signature = Uint8Array.from(atob(parts[1]?.slice("v1a,".length) ?? ""), (char) => char.charCodeAt(0));
    const content = new TextEncoder().encode(`${signable.id}.${signable.timestamp}.{"test": 2432232314}`);
    expect(await crypto.subtle.verify("Ed25519", pair.publicKey, signature, content)).toBe(true);
  });
});
