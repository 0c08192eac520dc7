//! Control interface of a running crawl: figures, settings and the end, as JSON over HTTP on loopback or a Unix socket.
//! docs/user/crawl.md describes the interface.

use std::sync::Arc;

use hyper::{Method, StatusCode, header};
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{
        ConfigError,
        reload::{Outcome, Reloader},
    },
    endpoint::{Call, Handler, Reply},
    settings::{Change, Key, PROFILE, Secret, Settings},
    stats::Stats,
};

/// Handler of control requests.
#[derive(Debug)]
pub struct Control {
    reloader: Arc<Reloader>,
    stats: Arc<Stats>,
    token: Option<Secret>,
    stop: CancellationToken,
}

impl Control {
    /// Makes the handler. `stop` is cancelled by a request to end the crawl. With a token, requests over TCP have to
    /// carry it.
    pub fn new(
        reloader: Arc<Reloader>,
        stats: Arc<Stats>,
        token: Option<Secret>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            reloader,
            stats,
            token,
            stop,
        }
    }

    /// Checks that a request may be answered. Requests from browsers are refused: they send Origin, or, when another
    /// site's name points to this machine, a Host that is not loopback.
    fn admit(&self, call: &Call) -> Result<(), Reply> {
        if call.local_file {
            return Ok(());
        }
        let text = |name| {
            call.headers
                .get(name)
                .and_then(|value: &header::HeaderValue| value.to_str().ok())
        };
        if call.headers.contains_key(header::ORIGIN) || !text(header::HOST).is_some_and(is_loopback)
        {
            return Err(refuse(
                StatusCode::FORBIDDEN,
                "not for browsers: no Origin, and a Host that is loopback",
            ));
        }
        let Some(token) = &self.token else {
            return Ok(());
        };
        let given = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        match given {
            Some(given) if same(given.as_bytes(), token.expose().as_bytes()) => Ok(()),
            _ => Err(refuse(
                StatusCode::UNAUTHORIZED,
                "expected Authorization: Bearer TOKEN",
            )),
        }
    }

    fn settings(&self) -> Reply {
        let effective = self.reloader.effective();
        let entries = [&PROFILE]
            .into_iter()
            .chain(Settings::keys())
            .filter_map(|key| {
                let value = effective.settings.shown(key.name)?;
                let entry = json!({
                    "value": value,
                    "origin": effective.origin(key.name).to_string(),
                    "live": key.change == Change::Live,
                });
                Some((key.name.to_owned(), entry))
            });
        Reply::json(StatusCode::OK, &Json::Object(entries.collect()))
    }

    fn change(&self, body: &[u8]) -> Reply {
        match changes(body) {
            Err(problem) => refuse(StatusCode::BAD_REQUEST, &problem),
            Ok(changes) => outcome(self.reloader.set(&changes)),
        }
    }

    fn figures(&self) -> Reply {
        match serde_json::to_value(self.stats.snapshot()) {
            Ok(value) => Reply::json(StatusCode::OK, &value),
            Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        }
    }

    fn end(&self) -> Reply {
        tracing::info!("asked to stop through the control interface");
        self.stop.cancel();
        Reply::json(StatusCode::ACCEPTED, &json!({ "stopping": true }))
    }
}

impl Handler for Control {
    fn answer(&self, call: &Call) -> Reply {
        if let Err(refused) = self.admit(call) {
            return refused;
        }
        match (&call.method, call.path.as_str()) {
            (&Method::GET, "/stats") => self.figures(),
            (&Method::GET, "/settings") => self.settings(),
            (&Method::PATCH, "/settings") => self.change(&call.body),
            (&Method::POST, "/reload") => outcome(self.reloader.reload()),
            (&Method::POST, "/stop") => self.end(),
            _ => refuse(
                StatusCode::NOT_FOUND,
                "there are GET /stats, GET and PATCH /settings, POST /reload and POST /stop",
            ),
        }
    }
}

fn refuse(status: StatusCode, problem: &str) -> Reply {
    Reply::json(status, &json!({ "error": problem }))
}

fn outcome(result: Result<Outcome, ConfigError>) -> Reply {
    match result {
        Ok(outcome) => Reply::json(
            StatusCode::OK,
            &json!({ "changed": outcome.changed, "need_restart": outcome.need_restart }),
        ),
        Err(error) => refuse(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()),
    }
}

type Changes = Vec<(&'static Key, Option<Vec<String>>)>;

/// Parses changes such as `{"limits.concurrency": 100, "limits.rate": null}`; null returns a key to the configuration.
fn changes(body: &[u8]) -> Result<Changes, String> {
    let value: Json = serde_json::from_slice(body).map_err(|e| format!("not JSON: {e}"))?;
    let Json::Object(fields) = value else {
        return Err("expected an object of keys and values".to_owned());
    };
    let change = |(name, value): (&String, &Json)| {
        let key = Settings::key(name).ok_or_else(|| {
            format!(
                "unknown key `{}`; GET /settings lists all",
                name.escape_debug()
            )
        })?;
        Ok((key, words(key, value)?))
    };
    fields.iter().map(change).collect()
}

fn words(key: &Key, value: &Json) -> Result<Option<Vec<String>>, String> {
    Ok(match value {
        Json::Null => None,
        Json::Array(items) if key.list => Some(
            items
                .iter()
                .map(|item| word(key, item))
                .collect::<Result<_, _>>()?,
        ),
        other => Some(vec![word(key, other)?]),
    })
}

fn word(key: &Key, value: &Json) -> Result<String, String> {
    match value {
        Json::String(text) => Ok(text.clone()),
        Json::Number(number) => Ok(number.to_string()),
        Json::Bool(value) => Ok(value.to_string()),
        _ => Err(format!(
            "{}: expected a string, number or boolean",
            key.name
        )),
    }
}

/// True for a Host of this machine, with or without a port.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare
            .parse()
            .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// Compares in a time that does not depend on the place of the first difference.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, body::Bytes};

    use super::*;
    use crate::{
        config::{Load as _, Sources},
        endpoint::tests::{start, talk},
    };

    fn control(token: Option<&str>) -> Control {
        let sources = Sources::default();
        let running = sources.load().unwrap();
        let reloader = Arc::new(Reloader::new(sources, running));
        let token = token.map(Secret::new);
        Control::new(
            reloader,
            Arc::new(Stats::default()),
            token,
            CancellationToken::new(),
        )
    }

    fn call(
        control: &Control,
        method: Method,
        path: &str,
        body: &str,
        headers: &[(header::HeaderName, &str)],
    ) -> (u16, Json) {
        let mut all = HeaderMap::new();
        all.insert(header::HOST, "127.0.0.1:9000".parse().unwrap());
        for (name, value) in headers {
            all.insert(name.clone(), value.parse().unwrap());
        }
        let answer = control.answer(&Call {
            method,
            path: path.to_owned(),
            headers: all,
            body: Bytes::from(body.to_owned()),
            local_file: false,
        });
        (
            answer.status.as_u16(),
            serde_json::from_slice(&answer.body).unwrap(),
        )
    }

    #[test]
    fn limits_change_while_running() {
        let control = control(None);
        let patch = |body| call(&control, Method::PATCH, "/settings", body, &[]);
        let (status, answer) = patch(
            r#"{"limits.concurrency": 7, "limits.rate": "30/m", "retry.statuses": [500, "503"], "limits.burst": 1}"#,
        );
        assert_eq!(
            (status, &answer["changed"]),
            (
                200,
                &json!(["limits.concurrency", "limits.rate", "retry.statuses"])
            )
        );
        let settings = control.reloader.live().load();
        assert_eq!(settings.limits.concurrency, 7);
        assert_eq!(settings.limits.rate.unwrap().get(), 0.5);
        assert_eq!(settings.retry.statuses, [500, 503]);
        let (_, shown) = call(&control, Method::GET, "/settings", "", &[]);
        assert_eq!(
            shown["limits.concurrency"],
            json!({"value": 7, "origin": "control interface", "live": true})
        );
        assert_eq!(patch(r#"{"limits.concurrency": null}"#).0, 200);
        assert_eq!(control.reloader.live().load().limits.concurrency, 50);
    }

    #[test]
    fn wrong_changes_are_refused_and_change_nothing() {
        let control = control(None);
        #[track_caller]
        fn check(control: &Control, body: &str, status: u16, says: &str) {
            let (found, answer) = call(control, Method::PATCH, "/settings", body, &[]);
            assert_eq!(found, status, "{body}: {answer}");
            assert!(
                answer["error"].as_str().unwrap().contains(says),
                "{body}: {answer}"
            );
        }
        check(&control, "{", 400, "not JSON");
        check(&control, "[]", 400, "expected an object");
        check(&control, r#"{"limits.x": 1}"#, 400, "unknown key");
        check(&control, r#"{"limits.rate": {}}"#, 400, "expected a string");
        check(
            &control,
            r#"{"limits.rate": [1]}"#,
            400,
            "expected a string",
        );
        check(
            &control,
            r#"{"limits.burst": 2, "limits.concurrency": 0}"#,
            422,
            "not within",
        );
        check(
            &control,
            r#"{"limits.burst": 2, "cpu.pin": true}"#,
            422,
            "next start only",
        );
        check(&control, r#"{"profile": "tuned"}"#, 422, "next start only");
        assert_eq!(*control.reloader.live().load(), Settings::default());
        assert_eq!(call(&control, Method::DELETE, "/settings", "", &[]).0, 404);
    }

    #[test]
    fn stop_and_figures() {
        let control = control(None);
        control.stats.page(200);
        let (status, figures) = call(&control, Method::GET, "/stats", "", &[]);
        assert_eq!((status, &figures["pages"]), (200, &json!(1)));
        assert_eq!(call(&control, Method::GET, "/stop", "", &[]).0, 404);
        assert!(!control.stop.is_cancelled());
        assert_eq!(call(&control, Method::POST, "/stop", "", &[]).0, 202);
        assert!(control.stop.is_cancelled());
    }

    #[test]
    fn the_token_is_wanted() {
        let control = control(Some("t0k"));
        let stats = |headers: &[_]| call(&control, Method::GET, "/stats", "", headers).0;
        assert_eq!(stats(&[]), 401);
        assert_eq!(stats(&[(header::AUTHORIZATION, "Bearer t0")]), 401);
        assert_eq!(stats(&[(header::AUTHORIZATION, "Bearer t0x")]), 401);
        assert_eq!(stats(&[(header::AUTHORIZATION, "Bearer t0k")]), 200);
    }

    #[test]
    fn browsers_are_refused() {
        let control = control(None);
        let stats = |headers: &[_]| call(&control, Method::GET, "/stats", "", headers).0;
        assert_eq!(stats(&[(header::ORIGIN, "https://evil.example")]), 403);
        assert_eq!(stats(&[(header::HOST, "evil.example:9000")]), 403);
        for host in [
            "localhost",
            "LOCALHOST:1",
            "127.0.0.1",
            "[::1]:9000",
            "127.8.8.8:1",
        ] {
            assert_eq!(stats(&[(header::HOST, host)]), 200, "{host}");
        }
    }

    #[tokio::test]
    async fn over_http() {
        let (address, _stop) = start(Arc::new(control(None)));
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let body = r#"{"limits.per_host":3}"#;
        let request = format!(
            "PATCH /settings HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let text = talk(stream, request.as_bytes()).await;
        assert!(
            text.starts_with("HTTP/1.1 200 ") && text.contains("\"limits.per_host\""),
            "{text}"
        );
    }
}
