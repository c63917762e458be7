// The checks that the tests of all pages share: errors of the page, requests to other servers, accessibility by axe-core.
import { readFileSync, writeFileSync } from "node:fs";
import assert from "node:assert/strict";

export function pageChecks(browser, url, axe, pictures) {
  const problems = [];
  browser.on(({ method, params }) => {
    if (method === "Network.requestWillBeSent" && !params.request.url.startsWith(url)) problems.push(`asked ${params.request.url}`);
    if (method === "Runtime.exceptionThrown") problems.push(params.exceptionDetails.exception?.description);
    // Chromium reports a violation of the content policy here.
    if (method === "Log.entryAdded" && params.entry.level === "error") problems.push(params.entry.text);
  });

  async function check(name, body) {
    await body();
    assert.deepEqual(problems, [], name);
    console.log(`ok: ${name}`);
  }

  async function accessible(name) {
    await browser.value(`${readFileSync(axe, "utf8")}; 0`);
    const found = await browser.value(`axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })
      .then(({ violations, passes }) => ({ passes: passes.length, violations: violations.map((v) =>
        v.id + ": " + v.nodes.slice(0, 3).map((n) => n.target + " " + n.failureSummary).join("; ")) }))`);
    assert.deepEqual(found.violations, [], name);
    assert.ok(found.passes > 20, `axe checked only ${found.passes} rules`);
  }

  // Opens a page on each kind of screen, with a picture and the checks of axe-core: PREFIX-light.png and so on.
  async function screens(prefix, path, ready) {
    for (const [name, width, height, scheme, isPhone] of [
      ["light", 1280, 1000, "light", false], ["dark", 1280, 1000, "dark", false], ["phone", 390, 844, "light", true],
    ]) {
      await check(`${path} is accessible and fits: ${name}`, async () => {
        await browser.screen(width, height, scheme, isPhone);
        await browser.open(`${url}${path}`);
        await ready();
        assert.ok(await browser.value("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), "wider than the screen");
        writeFileSync(`${pictures}/${prefix}-${name}.png`, await browser.picture());
        await accessible(name);
      });
    }
  }

  return { problems, check, accessible, screens };
}
