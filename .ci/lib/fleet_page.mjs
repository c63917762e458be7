// The checks of the pages of a fleet in a browser: fleet_page.mjs CHROMIUM URL AXE WNM DATABASE PICTURES.
import { execFileSync } from "node:child_process";
import assert from "node:assert/strict";
import { Browser } from "./browser.mjs";
import { pageChecks } from "./page_checks.mjs";

const [chromium, url, axe, wnm, database, pictures] = process.argv.slice(2);
const fleet = (...args) => execFileSync(wnm, ["--db", database, "fleet", ...args], { encoding: "utf8" });
const browser = await Browser.start(chromium);
const { problems, check, screens } = pageChecks(browser, url, axe, pictures);
const live = () => browser.until("document.getElementById('live').textContent === 'live'");
const names = "[...document.querySelectorAll('#rows tr:not([hidden]) th')].map((cell) => cell.textContent)";
const cells = (host) => browser.value(`[...document.querySelectorAll('#host-${host} td')].map((cell) => cell.textContent)`);
const sortBy = (column) =>
  browser.value(`[...document.querySelectorAll('#table th button')].find((b) => b.textContent === '${column}').click()`);

try {
  await browser.screen(1280, 1000, "light");
  await browser.open(`${url}/`);
  await live();

  await check("each host is a row", async () => {
    assert.deepEqual(await browser.value(names), ["db-1", "edge-1", "edge-2", "web-1", "web-2", "web-3"]);
    const [state, up, desired, versions, signals, hold, problem, outdated, seen] = await cells("web-1");
    assert.deepEqual([state, up, desired, versions, hold, problem, outdated], ["up", "40", "40", "0.4.17", "–", "–", "0"]);
    assert.equal(signals, "cpu 42 of 70, memory 55 of 70");
    assert.match(seen, /s$/);
    assert.deepEqual((await cells("web-2")).slice(0, 6),
      ["nodes down", "37", "40", "0.4.16, 0.4.17", "cpu 83 of 70 !, memory 61 of 70", "–"]);
    assert.equal((await cells("web-3"))[5], "command: new disks");
    assert.equal((await cells("edge-1"))[0], "damaged");
    assert.equal((await cells("edge-2"))[0], "away");
    assert.ok(await browser.value("document.getElementById('valves').textContent.includes('hold of host web-3: kernel')"));
  });

  await check("texts of hosts are text", async () => {
    assert.ok((await cells("db-1"))[6].includes("<img src=x onerror=alert(1)>"));
    assert.equal(await browser.value("document.querySelectorAll('img, iframe, [onerror]').length"), 0);
  });

  await check("the table sorts and filters", async () => {
    await sortBy("Nodes up");
    const up = await browser.value("[...document.querySelectorAll('#rows td:nth-child(3)')].map((cell) => Number(cell.dataset.v ?? -1))");
    assert.deepEqual(up, up.toSorted((a, b) => b - a));
    await sortBy("Host");
    await browser.value(`{ const field = document.getElementById('text');
      field.value = 'web'; field.dispatchEvent(new Event('input', { bubbles: true })); }`);
    assert.deepEqual(new Set(await browser.value(names)), new Set(["web-1", "web-2", "web-3"]));
  });

  await check("a change comes with the next reading, and keeps the filter", async () => {
    await browser.value("window.mark = 'same document'");
    fleet("hold", "--reason", "new <b>kernel</b>", "--wait", "0s");
    await browser.until("document.getElementById('valves').textContent.includes('hold of all hosts: new <b>kernel</b>')");
    assert.equal((await browser.value(names)).length, 3);
    assert.equal(await browser.value("window.mark"), "same document");
    fleet("resume", "--wait", "0s");
    await browser.until("document.getElementById('valves').textContent.includes('resume of all hosts')");
  });

  await check("the keyboard reaches everything", async () => {
    const focused = "(document.activeElement.hash || document.activeElement.id || document.activeElement.textContent)";
    await browser.open(`${url}/`);
    await live();
    let stops = 0;
    while (await browser.value(focused) !== "#host-db-1") {
      await browser.key("Tab");
      assert.ok(++stops < 10, "Tab does not reach the grid");
    }
    await browser.key("End");
    assert.equal(await browser.value(focused), "#host-web-3");
    await browser.key("Enter");
    await browser.until(`${focused} === 'host-web-3'`);
    await browser.key("Tab");
    const link = "document.activeElement.getAttribute('href')";
    assert.equal(await browser.value(link), "/hosts/web-3");
    // The next reading replaces the row, and the focus stays.
    const read = "document.getElementById('state').textContent";
    await browser.until(`${read} !== ${JSON.stringify(await browser.value(read))}`);
    assert.equal(await browser.value(link), "/hosts/web-3");
    await browser.key("Enter");
    await browser.until("location.pathname === '/hosts/web-3'");
    await live();
  });

  await check("a host opens its nodes", async () => {
    assert.deepEqual(await browser.value(names), ["antnode0001", "antnode0002", "antnode0003"]);
    assert.ok(await browser.value("document.getElementById('valves').textContent.includes('hold by command: new disks')"));
    await browser.value("document.querySelector('a[href=\"/\"]').click()");
    await browser.until("location.pathname === '/'");
  });

  await screens("fleet", "/", live);
  await screens("fleet-host", "/hosts/web-1", live);

  await check("an engine that is away is told", async () => {
    process.kill(Number(process.env.ENGINE), "SIGKILL");
    await browser.open(`${url}/`);
    await browser.until("document.getElementById('state').textContent.includes('engine away')");
    assert.equal((await cells("web-1"))[0], "stale");
    problems.length = 0;
  });
} finally {
  browser.end();
}
process.exit(0);
