// undici's request: with_undici.mjs PROXY URL ROUNDS COUNT CA HTTP; an agent for each round.
import { createRequire } from 'node:module';

const { Agent, ProxyAgent, request } = createRequire(import.meta.url)('/usr/share/nodejs/undici');
const [proxy, url, rounds, count] = process.argv.slice(2);
let requests = 0;
for (let round = 0; round < Number(rounds); round += 1) {
  const dispatcher = proxy === 'none' ? new Agent() : new ProxyAgent(proxy);
  for (let page = 0; page < Number(count); page += 1) {
    const { body } = await request(`${url}?${page}`, { dispatcher });
    await body.text();
    requests += 1;
  }
  await dispatcher.close();
}
console.log(JSON.stringify({ requests }));
