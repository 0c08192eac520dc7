// c-ares, whose lookups share a socket: lookup_workers.mjs GAP NAME...; each name GAP ms after the one before.
import { Resolver } from 'node:dns/promises';

const resolver = new Resolver();
const [gap, ...names] = process.argv.slice(2);
const lookups = [];
for (const name of names) {
  lookups.push(resolver.resolve4(name));
  await new Promise((resolve) => setTimeout(resolve, Number(gap)));
}
await Promise.all(lookups);
console.log(JSON.stringify({ lookups: lookups.length }));
