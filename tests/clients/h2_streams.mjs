// HTTP/2 on one connection by Node: h2_streams.mjs URL ROUNDS AT_ONCE.
import http2 from 'node:http2';

const [url, rounds, atOnce] = process.argv.slice(2);
const session = http2.connect(url, { rejectUnauthorized: false });

function get() {
  return new Promise((resolve, reject) => {
    const request = session.request({ ':path': new URL(url).pathname });
    request.resume();
    request.on('end', resolve);
    request.on('error', reject);
    request.end();
  });
}

for (let round = 0; round < Number(rounds); round += 1) {
  await Promise.all(Array.from({ length: Number(atOnce) }, get));
}
session.close();
