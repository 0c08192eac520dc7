//! Link made by the kernel: a veth pair with sch_netem at both ends. Needs that module and
//! iproute2 (`ip`, `tc`).

use std::process::Command;

use super::namespace::Namespace;
use super::{DEVICE, LinkError, LinkOptions};

/// Most packets that netem holds in each direction.
const LIMIT_PACKETS: u32 = 100_000;

/// Joins the namespaces, and sets netem up for the packets that leave each of them.
pub(super) fn join(
    client: &Namespace,
    server: &Namespace,
    options: &LinkOptions,
) -> Result<(), LinkError> {
    let peer = server.path().display().to_string();
    let pair = [
        "link", "add", DEVICE, "type", "veth", "peer", "name", DEVICE, "netns", &peer,
    ];
    run(client, "ip", &pair)?;
    let words = qdisc(options);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for namespace in [client, server] {
        run(namespace, "tc", &words).map_err(missing_module)?;
        // Segments have to be as small as on a real wire.
        for offload in ["gso_max_segs", "gro_max_size"] {
            let value = if offload == "gso_max_segs" {
                "1"
            } else {
                "1500"
            };
            // Older kernels and programs lack some of these settings; the link works without them.
            let _ = run(namespace, "ip", &["link", "set", DEVICE, offload, value]);
        }
    }
    Ok(())
}

/// Arguments of `tc`, with times in microseconds.
fn qdisc(options: &LinkOptions) -> Vec<String> {
    let micros = |time: std::time::Duration| format!("{}us", time.as_micros());
    let percent = |probability: f64| format!("{}%", probability * 100.0);
    let mut words: Vec<String> = ["qdisc", "add", "dev", DEVICE, "root", "netem", "limit"]
        .map(str::to_owned)
        .into();
    words.push(LIMIT_PACKETS.to_string());
    words.extend(["delay".to_owned(), micros(options.rtt / 2)]);
    if !options.jitter.is_zero() {
        words.push(micros(options.jitter));
    }
    for (name, probability) in [
        ("loss", options.loss),
        ("duplicate", options.duplicate),
        ("reorder", options.reorder),
    ] {
        if probability > 0.0 {
            words.extend([name.to_owned(), percent(probability)]);
        }
    }
    if let Some(bits) = options.bandwidth_bits {
        words.extend(["rate".to_owned(), format!("{bits}bit")]);
    }
    words
}

/// Turns the error of `tc` for a kernel without netem into one of its own.
fn missing_module(error: LinkError) -> LinkError {
    match error {
        LinkError::Program { reason, .. }
            if reason.contains("qdisc kind is unknown") || reason.contains("No such file") =>
        {
            LinkError::Netem { reason }
        }
        other => other,
    }
}

fn run(namespace: &Namespace, program: &str, arguments: &[&str]) -> Result<(), LinkError> {
    let failed = |reason: String| LinkError::Program {
        command: format!("{program} {}", arguments.join(" ")),
        reason,
    };
    // A child starts in the namespace of the thread that starts it.
    let output = namespace.run(|| Command::new(program).args(arguments).output())?;
    let output = output.map_err(|error| failed(format!("{error}; install iproute2")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(
        String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn options_become_words() {
        let options = LinkOptions {
            rtt: Duration::from_millis(85),
            jitter: Duration::from_millis(2),
            loss: 0.01,
            bandwidth_bits: Some(20_000_000),
            ..LinkOptions::default()
        };
        assert_eq!(
            qdisc(&options).join(" "),
            "qdisc add dev tracer0 root netem limit 100000 delay 42500us 2000us loss 1% rate 20000000bit"
        );
    }
}
