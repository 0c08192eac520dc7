// Node's own fetch: with_fetch.mjs PROXY URL ROUNDS COUNT CA HTTP; as many at once as rounds. Its proxy is undici's.
import { createRequire } from 'node:module';

const [proxy, url, rounds, count] = process.argv.slice(2);
if (proxy !== 'none') {
  const { ProxyAgent, setGlobalDispatcher } = createRequire(import.meta.url)('/usr/share/nodejs/undici');
  setGlobalDispatcher(new ProxyAgent(proxy));
}
let requests = 0;

async function worker(name) {
  for (let page = 0; page < Number(count); page += 1) {
    const response = await fetch(`${url}?${name}-${page}`);
    await response.text();
    requests += 1;
  }
}

await Promise.all(Array.from({ length: Number(rounds) }, (_, name) => worker(name)));
console.log(JSON.stringify({ requests }));
process.exit(0);
