// Node clients with one fault each, as people write them, and without it: `faults.mjs NAME URL [VALUE]`.
import http from 'node:http';
import https from 'node:https';

const [name, url, value] = process.argv.slice(2);
const module = url.startsWith('https') ? https : http;

const get = (agent) => new Promise((resolve) => {
  const request = module.get(url, { agent }, (response) => response.resume().on('end', resolve));
  request.on('error', resolve);
});

const times = async (count, work) => {
  for (let i = 0; i < count; i += 1) await work();
};

const workers = (count, work) => Promise.all(Array.from({ length: count }, work));

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// A call that waits, as for a disk, stops the whole loop.
const waitInLoop = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

const fiftyWorkers = (agent) => workers(50, () => times(12, async () => {
  await get(agent);
  await pause(3);
}));

const clients = {
  // An agent of one's own does not keep connections.
  'own-agent': () => { const agent = new module.Agent(); return times(80, () => get(agent)); },
  'keeping-agent': () => { const agent = new module.Agent({ keepAlive: true }); return times(80, () => get(agent)); },
  'few-free-sockets': () => fiftyWorkers(new module.Agent({ keepAlive: true, maxFreeSockets: 10 })),
  'free-sockets': () => fiftyWorkers(new module.Agent({ keepAlive: true, maxFreeSockets: Number(value) })),
  'wait-in-loop': () => {
    const agent = new module.Agent({ keepAlive: true });
    return workers(25, () => times(6, async () => { await get(agent); waitInLoop(12); }));
  },
  'short-signal': async () => {
    const page = (options) => fetch(url, options).then((response) => response.text()).catch(() => {});
    // The first request takes Node longer than others.
    await page();
    await workers(10, () => times(2, () => page({ signal: AbortSignal.timeout(1000) })));
  },
  'one-connection-each': () => {
    const agent = new module.Agent({ keepAlive: true, maxSockets: 24 });
    return workers(24, async (_, number) => {
      // One after the other, so that handshakes do not wait for the event loop.
      await pause(5 * number);
      await times(3, () => get(agent));
    });
  },
};

await clients[name]();
process.exit(0);
