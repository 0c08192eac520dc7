//! Arrows that are forbidden whatever floor they are on.

use super::Graph;

/// No file inside `within`, but for those inside `except`, uses anything of `to`.
pub(crate) struct Ban {
    pub(crate) package: &'static str,
    pub(crate) within: &'static str,
    pub(crate) except: &'static [&'static str],
    /// Rooms of the crate, or paths of other crates, which hold a `::` at their end or inside.
    pub(crate) to: &'static [&'static str],
    pub(crate) why: &'static str,
}

const AYA: &[&str] = &["aya::", "aya_obj::", "aya_log::"];
const SCREEN: &[&str] = &["ratatui::", "crossterm::"];

pub(crate) const BANS: &[Ban] = &[
    Ban {
        package: "tracer-user",
        within: "",
        except: &["source/kernel"],
        to: AYA,
        why: "only source/kernel names aya",
    },
    Ban {
        package: "tracer-user",
        within: "",
        except: &["tui"],
        to: SCREEN,
        why: "only the live screen names ratatui",
    },
    Ban {
        package: "tracer-user",
        within: "",
        except: &["sink/otlp"],
        to: &["opentelemetry_proto::", "tonic::", "tracer_otlp::"],
        why: "only sink/otlp speaks to a collector",
    },
    Ban {
        package: "tracer-user",
        within: "tui/model",
        except: &[],
        to: &["ratatui::", "crossterm::", "tui/view"],
        why: "what is on the screen does not depend on how it is drawn",
    },
    Ban {
        package: "tracer-user",
        within: "",
        except: &["sink/json"],
        to: &["tracer_export::SCHEMA"],
        why: "only sink/json makes an export",
    },
    Ban {
        package: "tracer-export",
        within: "",
        except: &[],
        to: &[
            "std::fs",
            "std::net::",
            "std::process::",
            "std::time::",
            "tokio::",
        ],
        why: "the export is pure: no IO, no clock",
    },
    Ban {
        package: "tracer-otlp",
        within: "",
        except: &[],
        to: &[
            "std::fs",
            "std::net::",
            "std::process::",
            "std::time::",
            "tokio::",
        ],
        why: "messages are made without IO and clock; a sink sends them",
    },
    Ban {
        package: "tracer-user",
        within: "source",
        except: &[],
        to: &["sink", "tui"],
        why: "sources and sinks do not know each other",
    },
    Ban {
        package: "tracer-user",
        within: "sink",
        except: &[],
        to: &["source"],
        why: "sources and sinks do not know each other",
    },
    Ban {
        package: "tracer-user",
        within: "tui",
        except: &[],
        to: &["source"],
        why: "sources and the screen do not know each other",
    },
    Ban {
        package: "tracer-user",
        within: "sink",
        except: &[],
        to: &["tracer_recording::"],
        why: "a sink is fed by snapshots, whether they come from a recording or not",
    },
    Ban {
        package: "tracer-core",
        within: "",
        except: &[],
        to: &[
            "std::env",
            "std::fs",
            "std::net::TcpListener",
            "std::net::TcpStream",
            "std::net::UdpSocket",
            "std::os",
            "std::process",
            "std::thread",
            "std::time::Instant",
            "std::time::SystemTime",
            "tokio::",
        ],
        why: "the core is pure: no IO, no clock, no runtime",
    },
    Ban {
        package: "tracer-core",
        within: "",
        except: &[],
        to: &["aya::", "ratatui::"],
        why: "the core knows neither kernel loader nor screen",
    },
    Ban {
        package: "tracer-flow",
        within: "",
        except: &[],
        to: &["aya_ebpf::", "aya_log_ebpf::", "std::"],
        why: "the flow of a connection runs on the host as in the kernel: no helper, no map, no std",
    },
];

/// A use that a ban forbids.
pub(crate) struct Breach {
    pub(crate) from: usize,
    /// Room, or path of another crate, that is used.
    pub(crate) to: String,
    pub(crate) line: usize,
    pub(crate) name: String,
    pub(crate) why: &'static str,
}

/// Every breach of the bans on this package.
pub(crate) fn check(graph: &Graph, bans: &[Ban]) -> Vec<Breach> {
    let of_package = bans.iter().filter(|ban| ban.package == graph.package);
    of_package.flat_map(|ban| breaches(graph, ban)).collect()
}

fn breaches(graph: &Graph, ban: &Ban) -> Vec<Breach> {
    let applies = |file: usize| applies(ban, &graph.files[file].room);
    let inner = graph
        .arrows
        .iter()
        .filter(|it| applies(it.from))
        .map(|it| Breach {
            from: it.from,
            to: graph.files[it.to].room.clone(),
            line: it.line,
            name: it.name.clone(),
            why: ban.why,
        });
    let outer = graph
        .outside
        .iter()
        .filter(|it| applies(it.from))
        .map(|it| Breach {
            from: it.from,
            to: it.path.join("::"),
            line: it.line,
            name: it.path.join("::"),
            why: ban.why,
        });
    let inner = inner.filter(|it| ban.to.iter().any(|place| super::is_inside(&it.to, place)));
    let outer = outer.filter(|it| ban.to.iter().any(|path| is_below(&it.to, path)));
    inner.chain(outer).collect()
}

fn applies(ban: &Ban, room: &str) -> bool {
    let excepted = ban.except.iter().any(|place| super::is_inside(room, place));
    (ban.within.is_empty() || super::is_inside(room, ban.within)) && !excepted
}

/// `aya::Ebpf` and `aya` itself are below `aya::`; `std::fs::read` is below `std::fs`.
fn is_below(path: &str, above: &str) -> bool {
    let above = above.trim_end_matches("::");
    let rest = path.strip_prefix(above);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
