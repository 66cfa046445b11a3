import { fromString, getType, toUUID, typeidUnboxed } from "typeid-js";
import { z } from "zod";

/** The TypeID prefix of each noun (https://github.com/jetify-com/typeid). */
export const idPrefix = {
  customer: "cus",
  user: "usr",
  session: "ses",
  apiKey: "key",
  request: "req",
  auditRecord: "aud",
  message: "msg",
  event: "evt",
  webhookEndpoint: "whe",
  delivery: "dlv",
  publicKey: "pbk",
} as const;

/** A noun that has ids of its own. */
export type IdNoun = keyof typeof idPrefix;

/** A fresh TypeID: the noun's prefix and a UUIDv7 (RFC 9562), so ids sort by creation time. */
export function newId(noun: IdNoun): string {
  return typeidUnboxed(idPrefix[noun]);
}

/** Whether `value` is a well-formed TypeID of `noun`. */
export function isId(noun: IdNoun, value: string): boolean {
  try {
    return getType(fromString(value, idPrefix[noun])) === idPrefix[noun];
  } catch {
    return false;
  }
}

/** A zod schema for an id of `noun`. */
export function idSchema(noun: IdNoun): z.ZodString {
  return z
    .string()
    .refine((value) => isId(noun, value), `must be an id that begins with "${idPrefix[noun]}_"`)
    .meta({ example: `${idPrefix[noun]}_01h455vb4pex5vsknk084sn02q` });
}

/** The time at which an id was made, in epoch milliseconds: UUIDv7 begins with it (RFC 9562 §5.7). */
export function timeOfId(id: string): number {
  return Number.parseInt(toUUID(fromString(id)).replaceAll("-", "").slice(0, 12), 16);
}
