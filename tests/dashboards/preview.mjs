// Opens every dashboard in the preview, in a real browser, and looks at each panel. usage: preview.mjs NODE_MODULES URL SCREENSHOTS
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, url, screenshots] = process.argv.slice(2);
const { chromium } = createRequire(join(modules, "x.js"))("playwright-core");
const RANGE = 120;

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const broken = [];
let drawn = 0;
try {
  const titles = await (await fetch(`${url}/dashboards`)).json();
  for (const uid of Object.keys(titles)) {
    const shipped = await (await fetch(`${url}/${uid}.json`)).json();
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    page.on("pageerror", (error) => broken.push(`${uid}: ${error.message}`));
    page.on("console", (message) => message.type() === "error" && broken.push(`${uid}: ${message.text()}`));
    await page.goto(`${url}/#${uid}/${RANGE}`);
    await page.waitForSelector("body[data-state=drawn]", { timeout: 60_000 });
    const panels = await page.$$eval(".panel", (all) =>
      all.map((it) => ({
        title: it.querySelector("h2").textContent,
        state: it.dataset.state,
        text: it.querySelector(".body").textContent,
        pixels: [...it.querySelectorAll("canvas")].every((canvas) => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return data.some((value) => value !== 0);
        }),
      })),
    );
    const expected = shipped.panels.filter((it) => it.type !== "row");
    if (panels.length !== expected.length) broken.push(`${uid}: ${panels.length} of ${expected.length} panels`);
    for (const { title, state, text, pixels } of panels) {
      const mayBeEmpty = expected.find((it) => it.title === title)?.fieldConfig.defaults.noValue !== undefined;
      if (state === "drawn" && pixels) drawn += 1;
      else if (!(state === "empty" && mayBeEmpty)) broken.push(`${uid}: ${title}: ${state}: ${text}`);
    }
    await page.screenshot({ path: join(screenshots, `${uid}.png`), fullPage: true });
    await page.close();
  }
  console.log(`${drawn} panels of ${Object.keys(titles).length} dashboards drawn in Chromium`);
} finally {
  await browser.close();
}
if (broken.length) {
  console.error(broken.join("\n"));
  process.exit(1);
}
