// What the JavaScript clients share: workers that call until the time is up, and the line of JSON at the end.

"use strict";

const WORKERS = Number(process.env.WORKERS ?? 4);
const CLIENT_LIFE = 1000;
const PAUSE = 50;

const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE));

/** Runs what `makeCall(worker, bucket)` returned, over and over, and makes it anew every second. */
async function underLoad(makeCall) {
  const [bucket, seconds] = process.argv.slice(2);
  const until = Date.now() + Number(seconds) * 1000;
  const tally = { calls: 0, failed: 0, first_error: null };

  async function attempt(call) {
    tally.calls += 1;
    try {
      await call();
    } catch (failure) {
      tally.failed += 1;
      tally.first_error ??= String(failure);
    }
  }

  async function work(worker) {
    while (Date.now() < until) {
      const call = makeCall(worker, bucket);
      const recreate = Date.now() + CLIENT_LIFE;
      while (Date.now() < Math.min(recreate, until)) {
        await attempt(call);
        await pause();
      }
    }
  }

  await Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker)));
  console.log(JSON.stringify(tally));
}

module.exports = { underLoad };
