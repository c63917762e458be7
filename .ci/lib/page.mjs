// The checks of the page in a browser: page.mjs CHROMIUM URL AXE WNM DATABASE PICTURES.
import { execFileSync } from "node:child_process";
import assert from "node:assert/strict";
import { Browser } from "./browser.mjs";
import { pageChecks } from "./page_checks.mjs";

const [chromium, url, axe, wnm, database, pictures] = process.argv.slice(2);
const command = (...args) => execFileSync(wnm, ["--db", database, ...args], { encoding: "utf8" });
const browser = await Browser.start(chromium);
const { problems, check, accessible, screens } = pageChecks(browser, url, axe, pictures);

const names = "[...document.querySelectorAll('#rows tr:not([hidden]) th')].map((cell) => cell.textContent)";
const state = (name) => `document.querySelector('#${name} td').textContent`;

try {
  await browser.screen(1280, 1000, "light");
  await browser.open(`${url}/`);
  await browser.until("document.getElementById('live').textContent === 'live'");

  await check("the page shows the colony", async () => {
    await browser.until("document.querySelectorAll('#rows tr.running').length === 11", 60);
    assert.equal(await browser.value("document.querySelectorAll('#grid a').length"), 12);
    assert.equal(await browser.value(state("antnode0003")), "stopped");
    assert.ok(await browser.value("document.querySelectorAll('#signals figure').length") >= 3);
    await browser.until("document.querySelectorAll('#signals path.mean').length >= 3", 90);
  });

  await check("names from outside are text", async () => {
    assert.ok(await browser.value("document.body.textContent.includes('<img src=x onerror=alert(1)>')"));
    assert.equal(await browser.value("document.querySelectorAll('img, iframe, [onerror]').length"), 0);
  });

  await check("the table sorts and filters", async () => {
    const sorted = await browser.value(names);
    await browser.value("[...document.querySelectorAll('#table th button')].find((b) => b.textContent === 'Node').click()");
    assert.deepEqual(await browser.value(names), sorted.toReversed());
    const numbers = "[...document.querySelectorAll('#rows td:nth-child(12)')].map((cell) => Number(cell.dataset.v ?? -1))";
    await browser.value("[...document.querySelectorAll('#table th button')].find((b) => b.textContent === 'Memory').click()");
    const memory = await browser.value(numbers);
    assert.deepEqual(memory, memory.toSorted((a, b) => b - a));
    const enter = (field, value) => browser.value(`{ const field = document.getElementById('${field}');
      field.value = '${value}'; field.dispatchEvent(new Event('input', { bubbles: true })); }`);
    await enter("text", "NODE0007");
    assert.deepEqual(await browser.value(names), ["antnode0007"]);
    await enter("text", "");
    await enter("only", "stopped");
    assert.deepEqual(await browser.value(names), ["antnode0003"]);
    assert.equal(await browser.value("document.getElementById('found').textContent"), "1 of 12 nodes");
  });

  await check("a change comes at once, and keeps the filter", async () => {
    await browser.value("window.mark = 'same document'");
    command("node", "stop", "5");
    await browser.until(`${state("antnode0005")} === 'stopped'`);
    await browser.until("document.querySelector('#done tbody tr').textContent.includes('stop antnode0005')");
    assert.deepEqual(new Set(await browser.value(names)), new Set(["antnode0003", "antnode0005"]));
    assert.equal(await browser.value("window.mark"), "same document");
  });

  await check("a hold and probes are shown", async () => {
    assert.ok(await browser.value("document.getElementById('valves').hidden"));
    command("hold", "--reason", "new <b>disks</b>");
    await browser.until("!document.getElementById('valves').hidden && document.getElementById('valves').textContent.includes('new <b>disks</b>')", 60);
    assert.ok(await browser.value("document.getElementById('counts').textContent.includes('0.4.17')"));
    assert.ok(await browser.value("document.querySelectorAll('#counts meter').length >= 1"));
    await accessible("under a hold");
    command("resume");
    await browser.until("document.getElementById('valves').hidden", 60);
  });

  await check("the keyboard reaches everything", async () => {
    const focused = "(document.activeElement.hash || document.activeElement.id || document.activeElement.textContent)";
    await browser.value("document.activeElement.blur()");
    let stops = 0;
    while (await browser.value(focused) !== "#antnode0001") {
      await browser.key("Tab");
      assert.ok(++stops < 10, "Tab does not reach the grid");
    }
    await browser.key("ArrowRight");
    await browser.key("ArrowRight");
    assert.equal(await browser.value(focused), "#antnode0003");
    await browser.key("End");
    assert.equal(await browser.value(focused), "#antnode0012");
    await browser.key("Home");
    // The filter hides the row of node 1: the cell shows it all the same.
    await browser.key("Enter");
    await browser.until(`${focused} === 'antnode0001'`);
    assert.equal((await browser.value(names)).length, 12);
    await browser.value("document.querySelector('#grid a').focus()");
    for (const stop of ["text", "only"]) {
      await browser.key("Tab");
      assert.equal(await browser.value(focused), stop);
    }
    await browser.key("Tab");
    await browser.key("Tab");
    assert.equal(await browser.value(focused), "Node");
    const before = await browser.value("document.activeElement.closest('th').ariaSort");
    await browser.key("Enter");
    assert.notEqual(await browser.value("document.activeElement.closest('th').ariaSort"), before);
  });

  await screens("page", "/", async () => {
    await browser.until("document.getElementById('live').textContent === 'live'");
    await browser.until("document.querySelectorAll('#signals path.mean').length >= 3", 90);
  });

  await check("without the daemon the page says so", async () => {
    command("config", "set", "listen=off");
    // The failures to connect are the subject here.
    await browser.until("document.getElementById('live').textContent !== 'live'");
    problems.length = 0;
  });
} finally {
  browser.end();
}
process.exit(0);
