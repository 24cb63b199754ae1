// Holds the shipped dashboards against Grafana's own types: the dashboard, and each panel's options by its type.
// usage: schema.mjs NODE_MODULES DASHBOARD...
import { readFileSync, mkdtempSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [modules, ...files] = process.argv.slice(2);
const require = createRequire(join(modules, "x.js"));
const { createGenerator } = require("ts-json-schema-generator");
const { default: Ajv } = require("ajv");
const TYPES = join(modules, "@grafana/schema/dist/types");

/** A validator for a type that a file of Grafana's declares; in a closed one, unknown fields are faults. */
function validator(path, declaration, isClosed) {
  const text = readFileSync(join(TYPES, "raw", path), "utf8").replace("'@grafana/schema'", `'${join(TYPES, "index")}'`);
  const copy = join(mkdtempSync(join(tmpdir(), "grafana-")), "types.ts");
  writeFileSync(copy, `${text}\nexport type Given = ${declaration};\n`);
  const settings = { path: copy, type: "Given", skipTypeCheck: true, additionalProperties: !isClosed };
  return new Ajv({ strict: false, allErrors: true }).compile(createGenerator(settings).createSchema("Given"));
}

const dashboard = validator("dashboard/x/types.gen.d.ts", "Dashboard", false);
// What a panel does not say, Grafana fills in.
const kind = (name) => validator(`composable/${name}/panelcfg/x/types.gen.d.ts`, "Partial<Options>", true);
const custom = (name) => validator(`composable/${name}/panelcfg/x/types.gen.d.ts`, "Partial<FieldConfig>", true);
const options = Object.fromEntries(["timeseries", "stat", "table", "heatmap"].map((it) => [it, kind(it)]));
const lines = custom("timeseries");

/** What Grafana's types say against a dashboard. */
function faults(it) {
  const found = [];
  const check = (validate, value, place) => {
    if (!validate(value)) found.push(...validate.errors.map((error) => `${place}${error.instancePath}: ${error.message} ${JSON.stringify(error.params)}`));
  };
  check(dashboard, it, it.uid);
  for (const panel of it.panels.filter(({ type }) => type !== "row")) {
    const place = `${it.uid}: ${panel.title}: `;
    if (!options[panel.type]) found.push(`${place}a panel of the type ${panel.type} is not checked`);
    else check(options[panel.type], panel.options, place);
    if (panel.type === "timeseries") check(lines, panel.fieldConfig.defaults.custom, place);
  }
  return found;
}

const shipped = files.map((it) => JSON.parse(readFileSync(it)));
const broken = shipped.flatMap(faults);

// The check itself must be able to fail: each of these Grafana would not understand.
const at = shipped[0].panels.findIndex((it) => it.type === "timeseries");
const planted = {
  "a panel's type is a number": (it) => (it.panels[at].type = 5),
  "the schema's version is a text": (it) => (it.schemaVersion = "42"),
  "thresholds of no known mode": (it) => (it.panels[at].fieldConfig.defaults.thresholds.mode = "often"),
  "an option that does not exist": (it) => (it.panels[at].options.legends = {}),
  "lines of no known style": (it) => (it.panels[at].fieldConfig.defaults.custom.drawStyle = "crayon"),
};
for (const [name, plant] of Object.entries(planted)) {
  const copy = structuredClone(shipped[0]);
  plant(copy);
  if (faults(copy).length === 0) broken.push(`not noticed: ${name}`);
}

if (broken.length) {
  console.error([...new Set(broken)].join("\n"));
  process.exit(1);
}
console.log(`${files.length} dashboards are what Grafana's types say`);
