// The current @segment/analytics-node, sending through a proxy that fails first.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, test } from "node:test";
import { Analytics } from "@segment/analytics-node";
import { address, customers, ingest, namesOnTimeline, setting, unique, writeKey } from "./client";

after(() => {
  ingest.close();
  customers.close();
});

async function startProxy(): Promise<{ host: string; stop: () => void }> {
  const child = spawn("python3", [setting("ELATE_FAULT_PROXY"), address], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(child.stdout, "data");
  const port = String(line).trim().split(" ").pop();
  return { host: `http://127.0.0.1:${port}`, stop: () => child.kill("SIGKILL") };
}

test("every event is on the timeline exactly once", async () => {
  const proxy = await startProxy();
  try {
    const failures: unknown[] = [];
    const analytics = new Analytics({ writeKey, host: proxy.host, flushAt: 4, flushInterval: 100, maxRetries: 10 });
    analytics.on("error", (failure) => failures.push(failure));
    const userId = unique("segment-node");
    const expected = Array.from({ length: 10 }, (_, n) => `Order ${n}`);
    analytics.identify({ userId, traits: { plan: "gold" } });
    for (const event of expected) analytics.track({ userId, event, properties: { total: 12.5 } });
    await analytics.closeAndFlush({ timeout: 60_000 });

    assert.deepEqual(failures, []);
    const faults = (await (await fetch(`${proxy.host}/_faults`)).json()) as number[];
    // The SDK sends in parallel, so the faults may be told in any order.
    for (const fault of [500, 429, 0]) assert.ok(faults.includes(fault), `${fault} in ${faults}`);
    const tracked = (await namesOnTimeline(userId)).filter((name) => name.startsWith("Order"));
    assert.deepEqual(tracked.sort(), expected.sort());
  } finally {
    proxy.stop();
  }
});
