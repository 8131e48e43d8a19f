// One GET by one HTTP client of JavaScript, for Node.js, Deno and Bun; prints the client's version. See measure.py.
import { createRequire } from "node:module";

const [name, url, authorization] = process.argv.slice(2);
const require = createRequire(`${process.env.NODE_MODULES}/`);
const headers = { Authorization: authorization };
const runtime = globalThis.Deno?.version.deno ?? globalThis.Bun?.version ?? process.versions.node;
const load = async (module) => import(require.resolve(module));
const version = (module) => {
  const path = require.resolve(module);
  return require(`${path.slice(0, path.lastIndexOf(`/${module}/`))}/${module}/package.json`).version;
};

const clients = {
  async fetch() {
    await (await fetch(url, { headers })).arrayBuffer();
    return runtime;
  },
  async http() {
    const http = await import("node:http");
    await new Promise((resolve, reject) => {
      http.get(url, { headers }, (answer) => answer.resume().on("end", resolve)).on("error", reject);
    });
    return runtime;
  },
  async undici() {
    const { request } = await load("undici");
    await (await request(url, { headers })).body.dump();
    return version("undici");
  },
  async "undici fetch"() {
    const { fetch } = await load("undici");
    await (await fetch(url, { headers })).arrayBuffer();
    return version("undici");
  },
  async axios() {
    const { default: axios } = await load("axios");
    await axios.get(url, { headers });
    return version("axios");
  },
  async got() {
    const { default: got } = await load("got");
    await got(url, { headers });
    return version("got");
  },
  async "node-fetch"() {
    const { default: fetch } = await load("node-fetch");
    await (await fetch(url, { headers })).text();
    return version("node-fetch");
  },
};

console.log(await clients[name]());
process.exit(0);
