import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rawElements, rawMember } from "./raw-json.ts";

/** White space that JSON permits. */
const space = fc.stringMatching(/^[ \n\r\t]{0,3}$/);

describe("the source text of a member", () => {
  it.each([
    ['{"data":1}', "1"],
    ['{"data" : 1.50 }', "1.50"],
    ['{"a":{"data":1},"data":[{"data":"}"}]}', '[{"data":"}"}]'],
    ['{"data":"a\\"b\\\\","type":"x"}', '"a\\"b\\\\"'],
    ['{"d\\u0061ta":true}', "true"],
    ['{"data":1,"data":2}', "2"],
    ['{"data":null}', "null"],
    [' \n{ "type" : "x" , "data" : { } }\n', "{ }"],
    ["{}", null],
    ['{"type":"data"}', null],
  ])("of %s", (text, raw) => {
    expect(rawMember(text, "data")).toBe(raw);
  });

  it("is what was sent, whatever stands around it", () => {
    const members = fc.array(fc.tuple(fc.string(), fc.json()), { maxLength: 5 });
    fc.assert(
      fc.property(fc.json(), members, members, space, (data, before, after, gap) => {
        const write = ([name, raw]: readonly [string, string]): string =>
          `${gap}${JSON.stringify(name)}${gap}:${gap}${raw}${gap}`;
        const others = (list: typeof before) => list.filter(([name]) => name !== "data").map(write);
        const text = `${gap}{${[...others(before), write(["data", data]), ...others(after)].join(",")}}${gap}`;
        expect(rawMember(text, "data")).toBe(data.trim());
        expect(rawMember(text, "absent-name")).toBeNull();
      }),
    );
  });

  it("may be as deep as it likes", () => {
    const deep = "[".repeat(200_000) + "]".repeat(200_000);
    expect(rawMember(`{"data":${deep}}`, "data")).toBe(deep);
  });
});

describe("the source text of the elements of an array", () => {
  it.each([
    ["[]", []],
    [" [ ] ", []],
    ["[1]", ["1"]],
    ['[ 1.50 , "]," , { "a" : [ "}" ] } ,[],null ]', ["1.50", '"],"', '{ "a" : [ "}" ] }', "[]", "null"]],
  ])("of %s", (text, elements) => {
    expect(rawElements(text)).toEqual(elements);
  });

  it("is what was sent, in order", () => {
    fc.assert(
      fc.property(fc.array(fc.json(), { maxLength: 10 }), space, (elements, gap) => {
        const text = `${gap}[${elements.map((one) => gap + one + gap).join(",") || gap}]${gap}`;
        expect(rawElements(text)).toEqual(elements.map((one) => one.trim()));
      }),
    );
  });
});
