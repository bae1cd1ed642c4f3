import { DOMParser, type Element } from "@xmldom/xmldom";
import { describe, expect, test } from "vitest";
import { createMachine } from "xstate";
import { scxml } from "../../src/machines/formats.ts";
import { phase2Machine } from "../../src/machines/phase2.ts";
import { runtimeLines } from "./runtime.ts";

const NAMESPACE = "http://www.w3.org/2005/07/scxml";
/** SCXML 1.0, sections 3 to 6: which elements may be where, and which attributes they may have (`!`: must). */
const RULES: Record<string, { readonly within: readonly string[]; readonly fields: readonly string[] }> = {
  scxml: {
    within: ["state", "parallel", "final", "datamodel", "script"],
    fields: ["version!", "datamodel", "name", "initial", "xmlns"],
  },
  state: {
    within: [
      "onentry",
      "onexit",
      "transition",
      "initial",
      "state",
      "parallel",
      "final",
      "history",
      "datamodel",
      "invoke",
    ],
    fields: ["id", "initial"],
  },
  parallel: {
    within: ["onentry", "onexit", "transition", "state", "parallel", "history", "datamodel", "invoke"],
    fields: ["id"],
  },
  final: { within: ["onentry", "onexit", "donedata"], fields: ["id"] },
  transition: { within: ["script"], fields: ["event", "cond", "target", "type"] },
  onentry: { within: ["script"], fields: [] },
  onexit: { within: ["script"], fields: [] },
  script: { within: [], fields: [] },
  invoke: { within: [], fields: ["type", "id", "src"] },
};

function parse(text: string): Element {
  const document = new DOMParser({
    onError: (level, message) => {
      throw new Error(`${level}: ${message}`);
    },
  }).parseFromString(text, "application/xml");
  return document.documentElement as Element;
}

const childrenOf = (element: Element) =>
  Array.from(element.childNodes).filter((node) => node.nodeType === 1) as Element[];
const everyOf = (element: Element): Element[] => [element, ...childrenOf(element).flatMap(everyOf)];
const fieldsOf = (element: Element) => Array.from(element.attributes).map(({ name }) => name);
const isStateful = ({ tagName }: Element) => ["state", "parallel", "final"].includes(tagName);

/** Everything the standard forbids, in sentences. */
function faults(root: Element): string[] {
  const all = everyOf(root);
  const ids = all.filter(isStateful).map((state) => state.getAttribute("id") ?? "");
  const nameless = all.flatMap(({ tagName, namespaceURI }) =>
    namespaceURI === NAMESPACE ? [] : [`${tagName} is of no namespace`],
  );
  const structure = all.flatMap((element) => {
    const { within = [], fields = [] } = RULES[element.tagName] ?? {};
    return [
      ...(RULES[element.tagName] === undefined ? [`unknown element ${element.tagName}`] : []),
      ...childrenOf(element).flatMap(({ tagName }) =>
        within.includes(tagName) ? [] : [`${tagName} within ${element.tagName}`],
      ),
      ...fieldsOf(element).flatMap((name) =>
        fields.some((field) => field.replace("!", "") === name) ? [] : [`${element.tagName} has ${name}`],
      ),
      ...fields.flatMap((field) =>
        field.endsWith("!") && !element.hasAttribute(field.slice(0, -1))
          ? [`${element.tagName} lacks ${field}`]
          : [],
      ),
    ];
  });
  const names = ids.flatMap((id) =>
    /^[\p{L}_][\p{L}\p{N}._-]*$/u.test(id) ? [] : [`the id "${id}" is no name`],
  );
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `the id "${id}" is there twice`);
  const lost = all
    .flatMap((element) =>
      (element.getAttribute("target") ?? element.getAttribute("initial") ?? "").split(/\s+/),
    )
    .filter((id) => id !== "" && !ids.includes(id))
    .map((id) => `"${id}" leads nowhere`);
  const empty = all
    .filter(({ tagName }) => tagName === "transition")
    .filter((element) => !["event", "cond", "target"].some((name) => element.hasAttribute(name)))
    .map(() => "a transition without event, condition and target");
  const astray = all
    .filter((element) => element.hasAttribute("initial"))
    .filter(
      (element) =>
        !everyOf(element)
          .slice(1)
          .some((inner) => inner.getAttribute("id") === element.getAttribute("initial")),
    )
    .map((element) => `${element.getAttribute("id") ?? "scxml"} begins outside itself`);
  return [...nameless, ...structure, ...names, ...twice, ...lost, ...empty, ...astray];
}

describe("the SCXML document", () => {
  test("keeps to the standard", () => {
    expect(faults(parse(scxml(phase2Machine.root)))).toEqual([]);
  });

  test("has exactly the transitions of the machine", () => {
    const states = everyOf(parse(scxml(phase2Machine.root))).filter(isStateful);
    const short = (id: string) => id.replace(/^phase2\./, "");
    const lines = states.flatMap((state) =>
      childrenOf(state)
        .filter(({ tagName }) => tagName === "transition")
        .map((transition) => {
          const event = (transition.getAttribute("event") ?? "")
            .replace("done.invoke.", "xstate.done.actor.")
            .replace("error.platform.", "xstate.error.actor.");
          const guard = transition.getAttribute("cond")?.replace("()", "");
          return [
            `${short(state.getAttribute("id") ?? "")} ${event}`,
            guard == null ? "" : `[${guard}]`,
            `→ ${short(transition.getAttribute("target") ?? "")}`,
            childrenOf(transition)
              .map(({ textContent }) => textContent?.replace("()", ""))
              .join(","),
          ].join(" ");
        }),
    );
    const wanted = runtimeLines(phase2Machine)
      .filter((line) => line.includes("→"))
      .map((line) => /^.* → \S* \S*/.exec(line)?.[0]);
    const own = lines.filter((line) => !line.startsWith("phase2 done.state.phase2"));
    expect(own.toSorted()).toEqual(wanted.toSorted());
    expect(lines.length).toBe(own.length + 1);
  });

  test("stays well-formed whatever names and texts hold", () => {
    const odd = createMachine({
      id: "odd",
      description: "ends -- here --> <b> &amp; -",
      initial: "a<b",
      states: { "a<b": { on: { 'x"y&z': { target: "c", actions: "do<it>" } } }, c: { type: "final" } },
    });
    const root = parse(scxml(odd.root));
    expect(faults(root)).toEqual([]);
    expect(
      everyOf(root)
        .find(({ tagName }) => tagName === "transition")
        ?.getAttribute("event"),
    ).toBe("done.state.odd");
    expect(everyOf(root).some((element) => element.getAttribute("event") === 'x"y&z')).toBe(true);
  });
});
