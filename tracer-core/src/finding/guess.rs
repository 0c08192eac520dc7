//! Guess of the HTTP client that a process uses.

use crate::{
    client::{Client, Sign},
    process::Process,
};

/// Clients that a process may use, the likeliest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guess {
    /// Name of the guess: that of the client, or of the language if several clients are possible.
    pub name: &'static str,
    /// Clients in question; never empty.
    pub clients: &'static [Client],
}

impl Guess {
    /// Guess for a process about which nothing is known.
    pub const UNKNOWN: Self = Self {
        name: Client::Unknown.name(),
        clients: &[Client::Unknown],
    };
    const PYTHON: Self = Self {
        name: "a Python client",
        clients: &[
            Client::Requests,
            Client::Aiohttp,
            Client::Httpx,
            Client::Scrapy,
        ],
    };
    const NODE: Self = Self {
        name: "a Node client",
        clients: &[Client::Undici, Client::Node],
    };

    /// Guess that is sure of its client.
    pub const fn sure(client: Client) -> Self {
        let at = client as usize;
        Self {
            name: client.name(),
            clients: Client::ALL.split_at(at).1.split_at(1).0,
        }
    }

    /// Guess for a process: its User-Agent in clear decides, then its program, then the form of its ClientHello.
    pub fn of(process: &Process) -> Self {
        let sign = process.client_sign;
        if let Some(Sign::Named(client)) = sign {
            return Self::sure(client);
        }
        let path = process.exe.as_deref().unwrap_or(&process.comm);
        let program = path.rsplit('/').next().unwrap_or(path);
        by_program(program)
            .or_else(|| by_program(&process.comm))
            .unwrap_or(match sign {
                Some(Sign::Shaped(client)) => Self::sure(client),
                _ => Self::UNKNOWN,
            })
    }
}

fn by_program(name: &str) -> Option<Guess> {
    Some(match name {
        "java" => Guess::sure(Client::Java),
        "curl" => Guess::sure(Client::Curl),
        "scrapy" => Guess::sure(Client::Scrapy),
        "node" | "nodejs" => Guess::NODE,
        _ if is_python(name) => Guess::PYTHON,
        _ => return None,
    })
}

/// True for `python`, `python3`, `python3.13` and `pypy3`.
fn is_python(name: &str) -> bool {
    let rest = name
        .strip_prefix("python")
        .or_else(|| name.strip_prefix("pypy"));
    rest.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(exe: Option<&str>, comm: &str, client_sign: Option<Sign>) -> Process {
        Process {
            pid: 1,
            comm: comm.into(),
            exe: exe.map(str::to_owned),
            container: None,
            cgroup: 0,
            client_sign,
            group: Default::default(),
        }
    }

    #[test]
    fn a_guess_for_each_program() {
        #[track_caller]
        fn check(exe: Option<&str>, comm: &str, sign: Option<Sign>, expected: &str) {
            assert_eq!(Guess::of(&process(exe, comm, sign)).name, expected);
        }
        check(
            Some("/usr/bin/python3.13"),
            "crawl.py",
            None,
            "a Python client",
        );
        check(Some("/usr/bin/pythonic"), "crawl", None, "unknown");
        check(Some("/usr/bin/python3"), "scrapy", None, "a Python client");
        let named = Sign::of_agent(b"Scrapy/2.18.0 (+https://scrapy.org)");
        check(Some("/usr/bin/python3"), "scrapy", named, "Scrapy");
        check(Some("/opt/jdk/bin/java"), "java", None, "Java HttpClient");
        check(None, "curl", None, "curl");
        check(Some("/usr/bin/node"), "node", None, "a Node client");
        let go = Some(Sign::Shaped(Client::Go));
        check(Some("/srv/crawler"), "crawler", go, "Go net/http");
        check(Some("/usr/bin/curl"), "curl", go, "curl");
        check(Some("/srv/crawler"), "crawler", None, "unknown");
    }

    #[test]
    fn a_sure_guess_has_its_client() {
        for client in Client::ALL {
            assert_eq!(Guess::sure(client).clients, [client]);
        }
    }
}
