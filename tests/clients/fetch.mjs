// Node's fetch (undici): fetch.mjs CONCURRENCY URL COUNT; NODE_EXTRA_CA_CERTS names the CA.
import { subscribe } from 'node:diagnostics_channel';

const [concurrency, url, count] = process.argv.slice(2);
const done = { requests: 0, connections: 0 };
subscribe('undici:client:connected', () => { done.connections += 1; });

async function worker(share) {
  for (let i = 0; i < share; i += 1) {
    const response = await fetch(url);
    await response.text();
    done.requests += 1;
  }
}

const workers = Number(concurrency);
await Promise.all(Array.from({ length: workers }, () => worker(Number(count) / workers)));
console.log(JSON.stringify(done));
