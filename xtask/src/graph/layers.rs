//! Floors of each crate, top first. An arrow may lead down or stay on its floor; it may not climb.
//!
//! A room is a module with everything below it, unless a longer name puts a part of it on another floor. Names
//! that no file has yet belong to rooms that are being moved.

use super::Graph;
use super::resolve::Arrow;

/// The floors of one crate.
pub(crate) struct House {
    pub(crate) package: &'static str,
    /// Rooms by floor, top first.
    pub(crate) floors: &'static [&'static [&'static str]],
}

pub(crate) const HOUSES: &[House] = &[
    House {
        package: "tracer-user",
        floors: &[
            &["main"],
            // The verbs: each turns its flags into settings and calls one room below.
            &["cli"],
            &["trace", "trace/session"],
            &["trace/engine", "trace/filter"],
            // Flags as typed, and settings made of them: what runs below never sees them.
            &[
                "cli/args",
                "cli/crawl/flags",
                "cli/crawl/switches",
                "cli/examples",
                "cli/layers",
                "cli/mistake",
                "cli/quantity",
                "cli/settings",
            ],
            // One type joins the errors of all rooms below, which return their own.
            &["failure"],
            &["demo"],
            &["report"],
            &["diff", "doctor", "explain", "merge", "serve"],
            &["source", "sink", "tui"],
            // What belongs to a running trace and knows neither source nor sink.
            &[
                "files",
                "invoker",
                "signals",
                "trace/account",
                "trace/capture",
                "trace/child",
                "trace/clock",
                "trace/description",
                "trace/intake",
                "trace/live",
                "trace/namespaces",
                "trace/notify",
                "trace/playback",
                "trace/privilege",
                "trace/resolve",
            ],
            &["source/kernel", "source/record"],
            &["exit_code", "gates", "say"],
        ],
    },
    House {
        package: "tracer-core",
        floors: &[
            &["lib"],
            &["input"],
            &["tracker"],
            &["cost", "finding", "metric"],
            &["snapshot"],
            &["time_wait", "connection", "credentials", "sample"],
            &["forward", "live", "proxy_path"],
            &["finding/history"],
            &["finding/sums"],
            &["decode", "host"],
            &["process"],
            &["client"],
            &[
                "entries", "overflow", "series", "stream", "tunnel", "turn", "turns",
            ],
            &["dns", "group", "host_filter", "phase"],
            &[
                "cursor",
                "elapsed",
                "endpoint",
                "finding/rule",
                "glob",
                "host_name",
                "http",
                "http2",
                "in_flight",
                "latency",
                "reassembly",
                "ticket",
                "timeline",
                "tls",
                "unknown",
            ],
        ],
    },
    House {
        package: "tracer-crawler",
        floors: &[
            &["lib"],
            &["deliver"],
            &["crawl"],
            &["control", "metrics", "progress", "render"],
            &["fetch", "frontier", "header", "hook", "parse"],
            &[
                "config", "deadline", "endpoint", "out", "retry", "scope", "seeds", "stats",
            ],
            &[
                "adaptive",
                "affinity",
                "cache",
                "canonical",
                "credentials",
                "dedup",
                "files",
                "limit",
                "outcome",
                "robots",
                "settings",
                "shard",
                "sitemap",
            ],
            &["lock"],
        ],
    },
    House {
        package: "tracer-ebpf",
        floors: &[
            &["main"],
            // One file for each hook.
            &["probes"],
            &["dns"],
            &["tls_object"],
            // What the flow of a connection asks of the kernel.
            &["outside"],
            &["clear_frames"],
            // Records for user space, and what stands in for them.
            &["emit"],
            &["overflow"],
            // Programs' own reads and writes of the kernel.
            &["filter", "out_of_order", "run_queue", "skb", "tls_writer"],
            &["storage"],
            &["count", "repeat", "sock"],
            &["maps"],
            // Plain values and arithmetic.
            &["clock", "registers", "state", "user"],
        ],
    },
    House {
        package: "tracer-flow",
        floors: &[
            &["lib"],
            // A connection on the host, with everything around it.
            &["driver"],
            // Entries of the kernel programs: a packet, a close; a read (pickup) is below, because turns ask about it.
            &["close", "packet"],
            &["handshake"],
            &["turn"],
            &["batch", "clear_frames", "hello", "tls_records"],
            &["gaps", "order", "record", "record_search"],
            &["tls"],
            &["preamble", "tunnel"],
            &["answer", "one_way", "unknown"],
            &["clear", "evidence", "inner", "interim", "late_certificate"],
            &["control"],
            &["pickup"],
            &["frames"],
            &["outside"],
            // Plain values and arithmetic.
            &["conn"],
            &["bound", "difference", "lengths", "segment", "source"],
        ],
    },
    House {
        package: "tracer-gate",
        floors: &[
            &["lib"],
            &["gate", "test"],
            &["seek"],
            &["place"],
            &["catalogue", "parse", "words"],
            &["fault", "nearest", "tree", "unit"],
        ],
    },
    House {
        package: "tracer-otlp",
        floors: &[
            &["lib"],
            &["metrics", "spans"],
            &["histogram", "resource"],
            &["attribute"],
        ],
    },
    House {
        package: "tracer-probe",
        floors: &[
            &["lib"],
            &["file"],
            &["examine"],
            &["go"],
            &["body", "dynamic"],
            &["elf"],
            &["maps", "places"],
        ],
    },
    House {
        package: "tracer-recording",
        floors: &[
            &["lib"],
            &["reader", "writer"],
            &["frame", "entry", "preamble"],
            &["block", "codec"],
            &["words"],
        ],
    },
    House {
        package: "tracer-settings",
        floors: &[
            &["lib"],
            &["layers"],
            &["file", "show", "watch"],
            &["suggest"],
            &["error"],
            &["key", "origin"],
        ],
    },
    House {
        package: "tracer-testbed",
        floors: &[
            &["main", "lib"],
            &["args"],
            &["client", "collector", "dns", "link", "origin"],
        ],
    },
];

/// Arrows that climb, and the files that stand on no floor.
pub(crate) struct Findings<'g> {
    pub(crate) climbing: Vec<&'g Arrow>,
    pub(crate) homeless: Vec<usize>,
}

/// Holds the graph against the floors of its crate. What a file uses of its parent does not count.
pub(crate) fn check<'g>(graph: &'g Graph, floors: &[&[&str]]) -> Findings<'g> {
    let floor = |file: usize| floor(&graph.files[file].room, floors);
    let climbs = |arrow: &&Arrow| match (floor(arrow.from), floor(arrow.to)) {
        (Some(from), Some(to)) => to < from && !graph.is_to_parent(arrow),
        _ => false,
    };
    Findings {
        climbing: graph.arrows.iter().filter(climbs).collect(),
        homeless: (0..graph.files.len())
            .filter(|file| floor(*file).is_none())
            .collect(),
    }
}

/// Number of the floor from the top; the longest name of a room decides.
fn floor(room: &str, floors: &[&[&str]]) -> Option<usize> {
    let rooms = floors
        .iter()
        .enumerate()
        .flat_map(|(number, rooms)| rooms.iter().map(move |name| (name.len(), number, name)));
    let holding = rooms.filter(|(_, _, name)| super::is_inside(room, name));
    holding.max().map(|(_, number, _)| number)
}
