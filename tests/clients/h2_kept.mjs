// HTTP/2 on one connection by Node: h2_kept.mjs URL ROUNDS AT_ONCE; three requests, `ready`, and the others after SIGUSR2.
import http2 from 'node:http2';

const [url, rounds, atOnce] = process.argv.slice(2);
const session = http2.connect(url, { rejectUnauthorized: false });

function get() {
  return new Promise((resolve, reject) => {
    const request = session.request({ ':path': '/' });
    request.resume();
    request.on('end', resolve);
    request.on('error', reject);
    request.end();
  });
}

// A signal alone keeps no process alive; the session does.
const told = new Promise((resolve) => process.on('SIGUSR2', resolve));
for (let number = 0; number < 3; number += 1) await get();
console.log('ready');
await told;
for (let round = 0; round < Number(rounds); round += 1) {
  await Promise.all(Array.from({ length: Number(atOnce) }, get));
}
session.close();
process.exit(0);
