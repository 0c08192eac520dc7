//! Settings of clients, with their defaults as their sources have them: golang/go a925402b, requests 2.34, urllib3 2.7,
//! aiohttp 3.14.3, httpx 0.28.1, Scrapy 2.18, reqwest 0.13.4 with rustls, JDK 25, undici 8.10, Node's lib/_http_agent.js,
//! libcurl 8.22.

use super::{
    Entry::{self, Cannot, Set},
    Topic,
};
use crate::client::Client;

/// Advice for a client on a topic; None for an unknown client.
pub(super) fn entry(topic: Topic, client: Client) -> Option<&'static Entry> {
    let row = match topic {
        Topic::Reuse => &REUSE,
        Topic::Pool => &POOL,
        Topic::Close => &CLOSE,
        Topic::IdleTimeout => &IDLE_TIMEOUT,
        Topic::Names => &NAMES,
        Topic::Sessions => &SESSIONS,
        Topic::Busy => &BUSY,
        Topic::Timeouts => &TIMEOUTS,
        Topic::Cap => &CAP,
        Topic::Compression => &COMPRESSION,
    };
    row.get(client as usize)
}

/// Advice by client, in the order of [`Client::ALL`] without the unknown one.
type Row = [Entry; Client::ALL.len() - 1];

const REUSE: Row = [
    Set(
        "Transport.DisableKeepAlives, Response.Body",
        "false; a body that is not read to its end closes its connection",
        "resp, err := client.Get(url) // one http.Client for all requests\ndefer resp.Body.Close()\nio.Copy(io.Discard, resp.Body)",
    ),
    Set(
        "requests.Session",
        "requests.get() makes a Session for each call",
        "session = requests.Session()  # once, for all requests\nresponse = session.get(url)",
    ),
    Set(
        "aiohttp.ClientSession",
        "none is shared",
        "async with aiohttp.ClientSession() as session:  # once, for all requests\n    async with session.get(url) as response:\n        await response.read()",
    ),
    Set(
        "httpx.Client",
        "httpx.get() makes a client for each call",
        "client = httpx.Client()  # once, for all requests\nresponse = client.get(url)",
    ),
    Cannot(
        "Scrapy keeps connections for the life of a crawl: keep one spider running, and send no `Connection: close` in DEFAULT_REQUEST_HEADERS.",
    ),
    Set(
        "reqwest::Client",
        "reqwest::get() makes a client for each call",
        "let client = reqwest::Client::new(); // once; a clone shares the pool\nlet body = client.get(url).send().await?.bytes().await?;",
    ),
    Set(
        "HttpClient",
        "each one has a pool of its own",
        "static final HttpClient CLIENT = HttpClient.newHttpClient(); // once\nCLIENT.send(request, BodyHandlers.ofString());",
    ),
    Set(
        "pipelining, body",
        "1; 0 turns keep-alive off",
        "const pool = new Pool(origin) // once; or fetch()\nconst { body } = await pool.request({ path, method: 'GET' })\nawait body.text() // or body.dump()",
    ),
    Set(
        "keepAlive",
        "true in the global agent, false in new Agent()",
        "const agent = new https.Agent({ keepAlive: true }) // once\nhttps.get(url, { agent }, (res) => res.resume())",
    ),
    Set(
        "one process, one handle",
        "a process or easy handle for each request has a pool for each request",
        "curl --parallel --config urls.txt  # one process for all\n/* libcurl: */ curl_easy_setopt(easy, CURLOPT_URL, next); curl_easy_perform(easy);",
    ),
];

const POOL: Row = [
    Set(
        "Transport.MaxIdleConnsPerHost",
        "2",
        "t := http.DefaultTransport.(*http.Transport).Clone()\nt.MaxIdleConnsPerHost = {n}\nclient := &http.Client{Transport: t}",
    ),
    Set(
        "HTTPAdapter(pool_maxsize, pool_block)",
        "10, False (connections beyond it are opened and thrown away); urllib3's own is 1",
        "adapter = HTTPAdapter(pool_maxsize={n}, pool_block=True)\nsession.mount(\"https://\", adapter)\nsession.mount(\"http://\", adapter)",
    ),
    Set(
        "TCPConnector(limit, limit_per_host)",
        "100, 0 (no limit); all within the limit are kept",
        "connector = aiohttp.TCPConnector(limit=0, limit_per_host={n})\nsession = aiohttp.ClientSession(connector=connector)",
    ),
    Set(
        "Limits(max_keepalive_connections)",
        "20 for all hosts together; with more connections than that, busy ones included, idle ones are closed at once",
        "limits = httpx.Limits(max_connections={n}, max_keepalive_connections={n})\nclient = httpx.Client(limits=limits)",
    ),
    Set(
        "CONCURRENT_REQUESTS_PER_DOMAIN",
        "8, which is the size of the pool for a domain too; 1 in the template of startproject",
        "CONCURRENT_REQUESTS_PER_DOMAIN = {n}\nCONCURRENT_REQUESTS = {n}",
    ),
    Set(
        "ClientBuilder::pool_max_idle_per_host",
        "usize::MAX",
        "let client = reqwest::Client::builder()\n    .pool_max_idle_per_host({n}) // only if it was lowered\n    .build()?;",
    ),
    Set(
        "-Djdk.httpclient.connectionPoolSize",
        "0 (no limit)",
        "java -Djdk.httpclient.connectionPoolSize=0 ...",
    ),
    Set(
        "connections",
        "null (no limit): a new socket whenever all are busy",
        "const pool = new Pool(origin, { connections: {n} })",
    ),
    Set(
        "maxFreeSockets, maxSockets",
        "256, Infinity",
        "const agent = new https.Agent({ keepAlive: true,\n  maxFreeSockets: {n}, maxSockets: {n} })",
    ),
    Set(
        "CURLMOPT_MAXCONNECTS, CURLOPT_MAXCONNECTS",
        "4 x the easy handles, 5",
        "curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, {n}L);\ncurl_easy_setopt(easy, CURLOPT_MAXCONNECTS, {n}L);",
    ),
];

const CLOSE: Row = [
    Set(
        "Response.Body.Close, Transport.IdleConnTimeout",
        "90s in DefaultTransport, 0 (never) in a Transport of your own",
        "defer resp.Body.Close() // on every path, also when the status is an error\nt.IdleConnTimeout = 90 * time.Second",
    ),
    Set(
        "Session.close, Response.close",
        "no idle timeout",
        "with requests.Session() as session:  # one for each thread, closed at its end\n    with session.get(url, stream=True) as response:\n        body = response.content",
    ),
    Set(
        "async with",
        "a response that is not read or closed keeps its connection",
        "async with session.get(url) as response:  # released at the end of the block\n    await response.read()",
    ),
    Set(
        "Client.close, Response.close",
        "keepalive_expiry 5 s, which counts from the close of the response",
        "with httpx.Client() as client:\n    with client.stream(\"GET\", url) as response:\n        response.read()",
    ),
    Cannot(
        "Scrapy closes what it opened: look for code of your own beside it (a requests or urllib3 call in a pipeline or middleware).",
    ),
    Set(
        "drop of Response and Client, pool_idle_timeout",
        "90 s; in hyper-util it has no effect unless pool_timer is set",
        "drop(response); // do not keep responses in a collection\nBuilder::new(TokioExecutor::new()).pool_timer(TokioTimer::new())",
    ),
    Set(
        "HttpClient, -Djdk.httpclient.keepalive.timeout",
        "30 s (1200 s in JDK 17); each client has a pool of its own",
        "static final HttpClient CLIENT = HttpClient.newHttpClient(); // once\nCLIENT.send(request, BodyHandlers.ofString()); // reads the body to its end",
    ),
    Set(
        "body.dump, keepAliveTimeout",
        "4000 ms after the body was read",
        "const { body } = await pool.request(options)\nawait body.dump() // when the body is not wanted",
    ),
    Set(
        "response.resume, agent.destroy",
        "a response that is not read keeps its socket",
        "https.get(url, { agent }, (res) => res.resume())\nagent.destroy() // when the agent is not needed any more",
    ),
    Set(
        "curl_easy_cleanup, CURLOPT_MAXAGE_CONN",
        "118 s",
        "curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, 60L);\ncurl_easy_cleanup(easy);",
    ),
];

const IDLE_TIMEOUT: Row = [
    Set(
        "Transport.IdleConnTimeout",
        "90s in DefaultTransport, 0 (never) in a Transport of your own",
        "t := http.DefaultTransport.(*http.Transport).Clone()\nt.IdleConnTimeout = {ms} * time.Millisecond\nclient := &http.Client{Transport: t}",
    ),
    Set(
        "HTTPAdapter(max_retries)",
        "0; there is no idle timeout, so let it send once more instead",
        "retry = Retry(total=1, connect=1, read=1)\nsession.mount(\"https://\", HTTPAdapter(max_retries=retry))",
    ),
    Set(
        "TCPConnector(keepalive_timeout)",
        "15.0 s",
        "connector = aiohttp.TCPConnector(keepalive_timeout={s})\nsession = aiohttp.ClientSession(connector=connector)",
    ),
    Set(
        "Limits(keepalive_expiry)",
        "5.0 s",
        "client = httpx.Client(limits=httpx.Limits(keepalive_expiry={s}))",
    ),
    Cannot(
        "Scrapy keeps idle connections for 240 s and has no setting for it; RETRY_ENABLED (on by default, RETRY_TIMES 2) sends such requests again.",
    ),
    Set(
        "ClientBuilder::pool_idle_timeout",
        "90 s",
        "let client = reqwest::Client::builder()\n    .pool_idle_timeout(Duration::from_millis({ms}))\n    .build()?;",
    ),
    Set(
        "-Djdk.httpclient.keepalive.timeout",
        "30 s (1200 s in JDK 17), in whole seconds",
        "java -Djdk.httpclient.keepalive.timeout={s} ...  # round down",
    ),
    Set(
        "keepAliveTimeout",
        "4000 ms, or 2000 ms less than the server's Keep-Alive field says",
        "const agent = new Agent({ keepAliveTimeout: {ms} })\nsetGlobalDispatcher(agent)",
    ),
    Set(
        "timeout of the Agent",
        "5000 ms in the global agent",
        "const agent = new https.Agent({ keepAlive: true, timeout: {ms} })",
    ),
    Set(
        "CURLOPT_MAXAGE_CONN",
        "118 s, in whole seconds",
        "curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, {s}L); /* round down */",
    ),
];

const NAMES: Row = [
    Cannot(
        "Go net/http has no cache of names: reuse connections, run a caching resolver on this machine, or give Transport.DialContext a cache of your own.",
    ),
    Cannot(
        "requests and urllib3 have no cache of names: use one Session for all requests, or run a caching resolver on this machine.",
    ),
    Set(
        "TCPConnector(ttl_dns_cache)",
        "10 s",
        "connector = aiohttp.TCPConnector(ttl_dns_cache=300)\nsession = aiohttp.ClientSession(connector=connector)",
    ),
    Cannot(
        "httpx has no cache of names: use one Client for all requests, or run a caching resolver on this machine.",
    ),
    Set(
        "DNSCACHE_ENABLED",
        "True: 10,000 names, without expiry",
        "DNSCACHE_ENABLED = True",
    ),
    Set(
        "ClientBuilder::hickory_dns",
        "off: getaddrinfo for each connect, without a cache",
        "// Cargo.toml: reqwest = { features = [\"hickory-dns\"] }\nlet client = reqwest::Client::builder().hickory_dns(true).build()?;",
    ),
    Set(
        "networkaddress.cache.ttl",
        "30 s",
        "Security.setProperty(\"networkaddress.cache.ttl\", \"60\");",
    ),
    Set(
        "interceptors.dns",
        "not used unless composed",
        "const agent = new Agent().compose(interceptors.dns({ maxTTL: 60_000 }))\nsetGlobalDispatcher(agent)",
    ),
    Cannot(
        "Node's http has no cache of names: keep connections (keepAlive: true), or run a caching resolver on this machine.",
    ),
    Set(
        "CURLOPT_DNS_CACHE_TIMEOUT",
        "60 s in a handle or share; nothing is kept between runs of curl",
        "curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);\ncurl_easy_setopt(easy, CURLOPT_SHARE, share);",
    ),
];

const SESSIONS: Row = [
    Set(
        "tls.Config.ClientSessionCache",
        "nil: no resumption",
        "t.TLSClientConfig = &tls.Config{\n\tClientSessionCache: tls.NewLRUClientSessionCache({n})}\nt.ForceAttemptHTTP2 = true",
    ),
    Cannot(
        "requests and urllib3 cannot resume TLS: every new connection is a full handshake, so keep connections with one Session for all requests.",
    ),
    Cannot(
        "aiohttp cannot resume TLS: every new connection is a full handshake, so keep connections with one ClientSession for all requests.",
    ),
    Cannot(
        "httpx cannot resume TLS: every new connection is a full handshake, so keep connections with one Client for all requests.",
    ),
    Cannot(
        "Scrapy has no setting for TLS sessions: keep connections, with a CONCURRENT_REQUESTS_PER_DOMAIN that fits the crawl.",
    ),
    Set(
        "Resumption::in_memory_sessions",
        "256, for each Client: lost when a Client is made for each request",
        "let mut tls = rustls_config; // one for all\ntls.resumption = Resumption::in_memory_sessions({n});\nlet client = Client::builder().tls_backend_preconfigured(tls).build()?;",
    ),
    Set(
        "SSLContext, -Djavax.net.ssl.sessionCacheSize",
        "20480 sessions for 24 h, for each SSLContext",
        "static final SSLContext TLS = SSLContext.getDefault(); // one for all\nHttpClient.newBuilder().sslContext(TLS).build();",
    ),
    Set(
        "connect.maxCachedSessions",
        "100",
        "const agent = new Agent({ connect: { maxCachedSessions: {n} } })\nsetGlobalDispatcher(agent)",
    ),
    Set(
        "maxCachedSessions",
        "100",
        "const agent = new https.Agent({ keepAlive: true, maxCachedSessions: {n} })",
    ),
    Set(
        "CURLSHOPT_SHARE with CURL_LOCK_DATA_SSL_SESSION",
        "on within a process, not shared between handles",
        "curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);\ncurl_easy_setopt(easy, CURLOPT_SHARE, share);",
    ),
];

const BUSY: Row = [
    Set(
        "GOMEMLIMIT, GOGC, GOMAXPROCS",
        "no limit, 100, the processors of the machine",
        "GOMEMLIMIT=2GiB GOGC=200 ./crawler  # fewer collections\nGOMAXPROCS=4 ./crawler              # in a container with four",
    ),
    Cannot(
        "Threads of one Python process parse one at a time: parse in other processes (concurrent.futures.ProcessPoolExecutor), or run more crawler processes.",
    ),
    Set(
        "executor",
        "parsing runs in the event loop, which reads nothing meanwhile",
        "pool = concurrent.futures.ProcessPoolExecutor()\nlinks = await loop.run_in_executor(pool, parse, body)",
    ),
    Set(
        "executor",
        "parsing runs in the event loop, which reads nothing meanwhile",
        "pool = concurrent.futures.ProcessPoolExecutor()\nlinks = await loop.run_in_executor(pool, parse, body)",
    ),
    Cannot(
        "Scrapy reads and parses in one thread: run more crawler processes, and keep item pipelines short.",
    ),
    Set(
        "spawn_blocking, worker threads",
        "parsing in a task blocks the thread that reads",
        "let links = tokio::task::spawn_blocking(move || parse(&body)).await?;",
    ),
    Set(
        "executor, garbage collector",
        "one thread pool for I/O and callbacks",
        "HttpClient.newBuilder().executor(Executors.newFixedThreadPool(8)).build();\n// java -XX:+UseZGC -Xmx2g ...",
    ),
    Set(
        "worker_threads",
        "parsing runs in the event loop, which reads nothing meanwhile",
        "const worker = new Worker('./parse.js')\nworker.postMessage(body)",
    ),
    Set(
        "worker_threads",
        "parsing runs in the event loop, which reads nothing meanwhile",
        "const worker = new Worker('./parse.js')\nworker.postMessage(body)",
    ),
    Cannot(
        "libcurl reads when its caller lets it: return from write callbacks at once, and call curl_multi_perform again soon.",
    ),
];

const TIMEOUTS: Row = [
    Set(
        "Client.Timeout, Transport.ResponseHeaderTimeout",
        "0 (none), 0 (none); Client.Timeout includes the body",
        "t.ResponseHeaderTimeout = {ms} * time.Millisecond // until the head\nclient := &http.Client{Transport: t} // and a context for the whole task",
    ),
    Set(
        "timeout",
        "None (waits for ever)",
        "session.get(url, timeout=(5, {s}))  # connect, and each wait for data",
    ),
    Set(
        "ClientTimeout(total, sock_connect, sock_read)",
        "total 300 s, sock_connect 30 s",
        "timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read={s})\nsession = aiohttp.ClientSession(timeout=timeout)",
    ),
    Set(
        "Timeout(connect, read, write, pool)",
        "5.0 s each; pool is the wait for a free connection",
        "timeout = httpx.Timeout(5.0, read={s}, pool=None)\nclient = httpx.Client(timeout=timeout)",
    ),
    Set("DOWNLOAD_TIMEOUT", "180 s", "DOWNLOAD_TIMEOUT = {s}"),
    Set(
        "ClientBuilder::timeout, read_timeout, connect_timeout",
        "none; timeout includes the body",
        "Client::builder()\n    .connect_timeout(Duration::from_secs(5))\n    .read_timeout(Duration::from_millis({ms}))",
    ),
    Set(
        "HttpRequest.timeout",
        "none (waits for ever)",
        "HttpRequest.newBuilder(uri).timeout(Duration.ofMillis({ms}))",
    ),
    Set(
        "headersTimeout, bodyTimeout",
        "300 s, 300 s",
        "const agent = new Agent({ headersTimeout: {ms}, bodyTimeout: {ms} })\nsetGlobalDispatcher(agent)",
    ),
    Set(
        "timeout of the request",
        "none",
        "const req = https.get(url, { agent, timeout: {ms} })\nreq.on('timeout', () => req.destroy())",
    ),
    Set(
        "CURLOPT_TIMEOUT_MS, --max-time",
        "0 (none)",
        "curl --connect-timeout 5 --max-time {s} URL",
    ),
];

const CAP: Row = [
    Set(
        "Transport.MaxConnsPerHost",
        "0 (no limit)",
        "t.MaxConnsPerHost = {n} // or 0; and as many goroutines",
    ),
    Cannot(
        "requests has no cap of its own: the number of threads is the number of requests at once; raise pool_maxsize with it.",
    ),
    Set(
        "TCPConnector(limit)",
        "100",
        "connector = aiohttp.TCPConnector(limit={n})\nsession = aiohttp.ClientSession(connector=connector)",
    ),
    Set(
        "Limits(max_connections)",
        "100",
        "limits = httpx.Limits(max_connections={n}, max_keepalive_connections={n})\nclient = httpx.AsyncClient(limits=limits)",
    ),
    Set(
        "CONCURRENT_REQUESTS, CONCURRENT_REQUESTS_PER_DOMAIN",
        "16, 8; 1 for each domain in the template of startproject",
        "CONCURRENT_REQUESTS = {n}\nCONCURRENT_REQUESTS_PER_DOMAIN = {n}",
    ),
    Cannot(
        "reqwest has no cap of its own: look for a semaphore, or buffer_unordered(N), in the program.",
    ),
    Cannot("Java's HttpClient has no cap of its own: look at the program's executor or semaphore."),
    Set(
        "connections",
        "null (no limit)",
        "const pool = new Pool(origin, { connections: {n} })",
    ),
    Set(
        "maxSockets",
        "Infinity",
        "const agent = new https.Agent({ keepAlive: true, maxSockets: {n} })",
    ),
    Set(
        "--parallel-max",
        "50",
        "curl --parallel --parallel-max {n} --config urls.txt",
    ),
];

const COMPRESSION: Row = [
    Set(
        "Transport.DisableCompression",
        "false: gzip is asked for, unless the program sets Accept-Encoding itself",
        "req.Header.Del(\"Accept-Encoding\") // the transport asks and decodes",
    ),
    Set(
        "Session.headers Accept-Encoding",
        "gzip, deflate",
        "session.headers[\"Accept-Encoding\"] = \"gzip, deflate\"",
    ),
    Set(
        "Accept-Encoding",
        "gzip, deflate",
        "headers = {\"Accept-Encoding\": \"gzip, deflate\"}",
    ),
    Cannot("httpx asks for compression by itself: remove an Accept-Encoding of your own."),
    Set("COMPRESSION_ENABLED", "True", "COMPRESSION_ENABLED = True"),
    Set(
        "features gzip, brotli, zstd",
        "off",
        "// Cargo.toml\nreqwest = { features = [\"gzip\", \"brotli\", \"zstd\"] }",
    ),
    Cannot(
        "Java's HttpClient neither asks for compression nor decodes it: send Accept-Encoding: gzip and read the body through a GZIPInputStream.",
    ),
    Set(
        "fetch, interceptors.decompress",
        "fetch() asks and decodes, request() does not",
        "const response = await fetch(url)",
    ),
    Cannot(
        "Node's http neither asks for compression nor decodes it: send accept-encoding: gzip and pipe the response through zlib.createGunzip().",
    ),
    Set(
        "CURLOPT_ACCEPT_ENCODING, --compressed",
        "not asked for",
        "curl --compressed URL",
    ),
];
