// Draws /openapi.json as a list of calls, with text nodes only.

const make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
};

/** Text with `code` in it. */
const words = (text) => text.split("`").map((part, at) => (at % 2 ? make("code", {}, part) : part));

/** What a schema looks like, as TypeScript would write it. */
const shape = (schema, all, depth = 0) => {
  if (!schema) return "unknown";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.oneOf || schema.anyOf) return (schema.oneOf ?? schema.anyOf).map((s) => shape(s, all, depth)).join(" | ");
  const types = [schema.type].flat();
  if (schema.enum) return schema.enum.map((v) => JSON.stringify(v)).join(" | ");
  if (types.includes("array")) return `${shape(schema.items, all, depth)}[]`;
  if (types.includes("object") && schema.properties) {
    const pad = "  ".repeat(depth + 1);
    const required = new Set(schema.required ?? []);
    const fields = Object.entries(schema.properties).map(([name, field]) => {
      const said = field.description ? ` // ${field.description.replaceAll("\n", " ")}` : "";
      return `${pad}${name}${required.has(name) ? "" : "?"}: ${shape(field, all, depth + 1)}${said}`;
    });
    return `{\n${fields.join("\n")}\n${"  ".repeat(depth)}}`;
  }
  return types.filter(Boolean).join(" | ") || "unknown";
};

const body = (content, all) => {
  const schema = Object.values(content ?? {})[0]?.schema;
  const name = schema?.$ref?.split("/").pop();
  const whole = name ? `${name} ${shape(all[name], all)}` : shape(schema, all);
  return make("pre", { tabindex: "0" }, whole);
};

const call = (path, method, about, all) => {
  const inside = make("div");
  if (about.description) inside.append(make("p", {}, about.description));
  if (about.security?.length) inside.append(make("p", { class: "said" }, "Needs Authorization: Bearer <access token>"));
  const parameters = (about.parameters ?? []).map((p) =>
    make("tr", {}, make("td", {}, make("code", {}, p.name)), make("td", {}, `${p.in}. ${p.description ?? ""}`)));
  if (parameters.length) inside.append(make("table", {}, make("tbody", {}, ...parameters)));
  if (about.requestBody) inside.append(make("h3", {}, "Body"), body(about.requestBody.content, all));
  const refusals = [];
  for (const [status, answer] of Object.entries(about.responses ?? {})) {
    const said = [`${status} `, ...words(answer.description ?? "")];
    if (status >= 400) {
      refusals.push(make("li", {}, ...said));
      continue;
    }
    inside.append(make("h3", {}, ...said));
    if (answer.content) inside.append(body(answer.content, all));
  }
  if (refusals.length) inside.append(make("h3", {}, "Refusals"), make("ul", {}, ...refusals));
  const summary = make("summary", {}, make("span", { class: "method" }, method.toUpperCase()), make("code", {}, path),
    make("span", { class: "said" }, ` ${about.summary ?? ""}`));
  return make("details", {}, summary, inside);
};

const calls = document.getElementById("calls");
try {
  const api = await (await fetch("/openapi.json")).json();
  const all = api.components?.schemas ?? {};
  const list = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, about]) => call(path, method, about, all)));
  calls.replaceChildren(...list);
  for (const code of all.ErrorCode?.enum ?? []) {
    document.getElementById("codes").append(make("li", { id: code }, make("code", {}, code)));
  }
} catch (error) {
  calls.replaceChildren(`The description could not be read (${error.message}). Reload to try again.`);
}
calls.removeAttribute("aria-busy");
