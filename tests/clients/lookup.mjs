// c-ares: lookup.mjs NAME..., all at once
import { Resolver } from "node:dns/promises";

const resolver = new Resolver();
const names = process.argv.slice(2);
const results = await Promise.allSettled(
  names.flatMap((name) => [resolver.resolve4(name), resolver.resolve6(name)]),
);
const addresses = results.flatMap((result) => result.value ?? []).length;
console.log(JSON.stringify({ addresses }));
