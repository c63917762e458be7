// Drives a headless Chromium over the DevTools protocol, through its pipe: no package, no port.
import { spawn } from "node:child_process";

export class Browser {
  static async start(program) {
    const browser = new Browser();
    // Root has no sandbox; the pages are those of the program under test.
    browser.process = spawn(program, ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
      "--remote-debugging-pipe", "--no-first-run", "--disable-background-networking"],
      { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    browser.waiting = new Map();
    browser.listeners = [];
    browser.last = 0;
    let rest = "";
    browser.process.stdio[4].on("data", (bytes) => {
      const messages = (rest + bytes).split("\0");
      rest = messages.pop();
      messages.forEach((message) => browser.receive(JSON.parse(message)));
    });
    const { targetInfos } = await browser.send("Target.getTargets");
    const target = targetInfos.find((info) => info.type === "page")?.targetId
      ?? (await browser.send("Target.createTarget", { url: "about:blank" })).targetId;
    browser.session = (await browser.send("Target.attachToTarget", { targetId: target, flatten: true })).sessionId;
    for (const domain of ["Page", "Runtime", "Network", "Log"]) await browser.send(`${domain}.enable`);
    return browser;
  }

  receive(message) {
    if (message.id === undefined) return this.listeners.forEach((listener) => listener(message));
    const { done, failed } = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (message.error) failed(new Error(message.error.message));
    else done(message.result);
  }

  send(method, params = {}) {
    const id = ++this.last;
    const message = JSON.stringify({ id, method, params, ...(this.session && { sessionId: this.session }) });
    this.process.stdio[3].write(`${message}\0`);
    return new Promise((done, failed) => this.waiting.set(id, { done, failed }));
  }

  on(listener) { this.listeners.push(listener); }

  async open(url) {
    const loaded = new Promise((done) => this.on((event) => event.method === "Page.loadEventFired" && done()));
    await this.send("Page.navigate", { url });
    await loaded;
  }

  // Returns the value of an expression in the page; waits for a promise.
  async value(expression) {
    const { result, exceptionDetails } =
      await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
    return result.value;
  }

  // Waits until an expression is true. While a page loads its elements are missing, and its context may go: an error is
  // not the end of the wait.
  async until(expression, seconds = 30) {
    const end = Date.now() + seconds * 1000;
    let problem = "";
    for (;;) {
      try {
        const value = await this.value(expression);
        if (value) return value;
        problem = "";
      } catch (error) {
        problem = ` (${error.message})`;
      }
      if (Date.now() > end) throw new Error(`not within ${seconds} s: ${expression}${problem}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  async key(key) {
    const codes = { Tab: 9, Enter: 13, ArrowRight: 39, ArrowLeft: 37, ArrowDown: 40, ArrowUp: 38, Home: 36, End: 35, " ": 32 };
    const event = { key, code: key === " " ? "Space" : key, windowsVirtualKeyCode: codes[key], text: key === "Enter" ? "\r" : undefined };
    await this.send("Input.dispatchKeyEvent", { type: "keyDown", ...event });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
  }

  async screen(width, height, scheme, isPhone = false) {
    await this.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: isPhone ? 2 : 1, mobile: isPhone });
    await this.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
  }

  async picture() {
    return Buffer.from((await this.send("Page.captureScreenshot", { format: "png" })).data, "base64");
  }

  // Chromium may take long to end on SIGTERM, and its profile is thrown away.
  end() { this.process.kill("SIGKILL"); }
}
