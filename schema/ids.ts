import { fromString, getType, typeidUnboxed } from "typeid-js";
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

/** The alphabet of TypeIDs, a digit of base 32 each (https://github.com/jetify-com/typeid/tree/main/spec). */
const digits = "0123456789abcdefghjkmnpqrstvwxyz";

/**
 * The time at which a well-formed id was made, in epoch milliseconds. UUIDv7 begins with it in 48 bits (RFC 9562 §5.7), and a TypeID puts
 * two zero bits in front: together the first ten of its 26 digits.
 */
export function timeOfId(id: string): number {
  return Array.from(id.slice(-26, -16)).reduce((time, digit) => time * 32 + digits.indexOf(digit), 0);
}
