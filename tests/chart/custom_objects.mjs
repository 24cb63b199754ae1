// Validates objects with their operators' schemas: node custom_objects.mjs NODE_MODULES < LIST. Prints what is wrong.

import { readFileSync } from "node:fs";

const [modules] = process.argv.slice(2);
const load = (path) => import(`${modules}/@kubernetes-models/${path}/index.js`);
const models = {
  ...(await load("prometheus-operator/monitoring.coreos.com/v1")),
  ...(await load("cert-manager/cert-manager.io/v1")),
};

/** What the schema says against an object, or nothing. */
function refusal(object) {
  try {
    new models[object.kind](object).validate();
  } catch (error) {
    return error.message;
  }
}

/** The keys below a value that no schema knows: those may hold anything at all, even what is surely wrong. */
function unknown(object, value = object.spec, path = "spec") {
  return Object.entries(value).flatMap(([key, below]) => {
    value[key] = Array.isArray(below) ? true : [[]];
    const known = Array.isArray(value) || refusal(object) !== undefined;
    value[key] = below;
    const here = `${path}.${key}`;
    if (!known) return [`${here} is unknown`];
    return below && typeof below === "object" ? unknown(object, below, here) : [];
  });
}

const found = [];
for (const object of JSON.parse(readFileSync(0, "utf8"))) {
  const words = refusal(object);
  const said = words === undefined ? unknown(object) : [words];
  found.push(...said.map((it) => `${object.kind} ${object.metadata.name}: ${it}`));
}
console.log(JSON.stringify(found));
