//! `tracer doctor`: what kernel, rights and machine allow, and what to do about the rest.
//!
//! A check is data: state found, state needed, severity and remedy. Files are read below [`Roots`], so that tests can
//! imitate other machines. Checks that cannot be read from a file are tried by [`Probes`]. Only a failed check stops
//! tracing; a warning names what will be missing.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tracer_text::printable::printable;

use crate::source::kernel::btf::Btf;
use crate::source::kernel::cgroup::Hierarchy;

/// Oldest kernel tracer is tested on.
const TESTED: (u32, u32) = (6, 1);
/// Oldest kernel with per-socket storage in tracing programs.
const POSSIBLE: (u32, u32) = (5, 17);
/// Exit status when tracing cannot work here.
const CANNOT_TRACE: u8 = 3;

/// Capabilities without which nothing can be attached, by the numbers of `include/uapi/linux/capability.h`.
const NEEDED_CAPS: [(u32, &str); 3] = [(12, "CAP_NET_ADMIN"), (38, "CAP_PERFMON"), (39, "CAP_BPF")];
/// Capabilities for processes of other users and for containers.
const WANTED_CAPS: [(u32, &str); 2] = [(19, "CAP_SYS_PTRACE"), (21, "CAP_SYS_ADMIN")];
const CAP_SYS_ADMIN: u32 = 21;

/// Name of the check of rights.
const RIGHTS: &str = "rights";

/// Initial namespaces have fixed numbers (`include/uapi/linux/nsfs.h`, formerly `include/linux/proc_ns.h`).
/// Name of the check, link below /proc/self/ns, number, how bad another one is, remedy.
const NAMESPACES: [(&str, &str, u64, Status, &str); 3] = [
    (
        "pid namespace",
        "pid",
        0xEFFF_FFFC,
        Status::Fail,
        "process ids would be wrong; start tracer outside of containers, or the container with --pid=host",
    ),
    (
        "user namespace",
        "user",
        0xEFFF_FFFD,
        Status::Fail,
        "root of a user namespace cannot attach programs; start tracer outside of it (rootless containers do not work)",
    ),
    (
        "cgroup namespace",
        "cgroup",
        0xEFFF_FFFB,
        Status::Warn,
        "--cgroup cannot select cgroups of the machine; start the container with --cgroupns=host",
    ),
];

/// Tracepoints, each with what is lost without it; an empty text means that tracing cannot work.
const TRACEPOINTS: [(&str, &str); 7] = [
    ("inet_sock_set_state", ""),
    ("sched_process_fork", ""),
    ("sched_process_exec", ""),
    ("sched_process_exit", ""),
    ("tcp_retransmit_skb", "retransmits are not counted"),
    ("tcp_rcv_space_adjust", "the pickup phase is missing"),
    (
        "sched_switch",
        "how much of pickup is waiting for a CPU is not known",
    ),
];

/// Settings that cannot stop tracing: path below /proc/sys, what is needed, values to warn of, remedy.
const SETTINGS: [(&str, &str, &[&str], &str); 7] = [
    (
        "kernel/perf_event_paranoid",
        "any value: CAP_PERFMON allows the probes for HTTP/2",
        &[],
        "",
    ),
    (
        "kernel/unprivileged_bpf_disabled",
        "any value: rights come from capabilities",
        &[],
        "",
    ),
    (
        "net/core/bpf_jit_enable",
        "1, for speed",
        &["0", "2"],
        "sysctl -w net.core.bpf_jit_enable=1 (0 interprets programs, several times slower; 2 is for debugging)",
    ),
    (
        "kernel/bpf_stats_enabled",
        "0, for speed",
        &["1"],
        "sysctl -w kernel.bpf_stats_enabled=0 (it times every run of every program)",
    ),
    (
        "net/ipv4/ip_local_port_range",
        "any value: read for the port forecast",
        &[],
        "",
    ),
    (
        "net/ipv4/tcp_tw_reuse",
        "any value; 2 reuses on loopback only",
        &[],
        "",
    ),
    (
        "net/ipv4/tcp_fin_timeout",
        "any value, seconds an orphan stays in FIN_WAIT2",
        &[],
        "",
    ),
];

/// File systems that tracer does not need: name, type.
const OPTIONAL_MOUNTS: [(&str, &str); 2] = [("bpf file system", "bpf"), ("tracefs", "tracefs")];

/// Result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// The state is as needed, or does not matter.
    Ok,
    /// Tracing works, but some figures are missing.
    Warn,
    /// Tracing cannot work.
    Fail,
}

/// A check: something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// Name of the thing that was looked at.
    pub(crate) name: String,
    /// State found.
    pub(crate) found: String,
    /// State needed.
    pub(crate) needed: String,
    /// Result of the check.
    pub(crate) status: Status,
    /// Remedy; None when nothing has to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
}

impl Check {
    fn ok(name: impl Into<String>, found: impl Into<String>, needed: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            found: found.into(),
            needed: needed.into(),
            status: Status::Ok,
            remedy: None,
        }
    }

    /// Turns the check into one with a worse status and a remedy.
    fn but(self, status: Status, remedy: impl Into<String>) -> Self {
        Self {
            status,
            remedy: Some(remedy.into()),
            ..self
        }
    }

    /// Turns the check into one with a worse status and a remedy, unless `good`.
    fn unless(self, good: bool, status: Status, remedy: impl Into<String>) -> Self {
        if good { self } else { self.but(status, remedy) }
    }
}

/// Mount points of the kernel's file systems.
#[derive(Debug, Clone)]
pub(crate) struct Roots {
    /// Normally /proc.
    pub(crate) proc: PathBuf,
    /// Normally /sys.
    pub(crate) sys: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            proc: "/proc".into(),
            sys: "/sys".into(),
        }
    }
}

/// An attempt: its result or its error, each in one line.
pub(crate) type Probe<'a> = Option<&'a dyn Fn() -> Result<String, String>>;

/// Attempts for checks that cannot be read from a file; None leaves the check out.
#[derive(Default, Clone, Copy)]
pub(crate) struct Probes<'a> {
    /// Lists the TCP sockets over inet_diag.
    pub(crate) list_sockets: Probe<'a>,
    /// Loads the kernel programs.
    pub(crate) try_load: Probe<'a>,
    /// Places a uprobe and measures what it costs.
    pub(crate) try_probe: Probe<'a>,
}

/// Results of all checks.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    /// True if no check failed.
    pub(crate) can_trace: bool,
    /// Checks, in the order of the table.
    pub(crate) checks: Vec<Check>,
}

impl Report {
    /// Runs every check.
    pub(crate) fn make(roots: &Roots, probes: &Probes<'_>) -> Self {
        let mut checks = vec![kernel(roots), rights(roots)];
        checks.extend(NAMESPACES.iter().map(|n| namespace(roots, n)));
        checks.extend(btf(roots));
        checks.push(cgroup(roots));
        checks.push(lockdown(roots));
        checks.extend(SETTINGS.iter().map(|s| setting(roots, s)));
        checks.push(memlock(roots));
        checks.extend(OPTIONAL_MOUNTS.iter().map(|m| mount(roots, m)));
        checks.push(ipv6(roots));
        checks.extend(probes.list_sockets.map(sockets));
        checks.extend(probes.try_load.map(programs));
        checks.extend(probes.try_probe.map(uprobes));
        Self {
            can_trace: checks.iter().all(|c| c.status != Status::Fail),
            checks,
        }
    }

    /// Exit status of `tracer doctor`: 0 when tracing can work, else 3.
    pub(crate) fn exit_code(&self) -> u8 {
        if self.can_trace { 0 } else { CANNOT_TRACE }
    }

    /// True if rights are missing without which tracing cannot work.
    pub(crate) fn lacks_rights(&self) -> bool {
        let mut checks = self.checks.iter();
        checks.any(|check| check.name == RIGHTS && check.status == Status::Fail)
    }

    /// The table as text: one line per check, its remedy below it, and a last line with the overall result.
    pub(crate) fn to_text(&self) -> String {
        let width = |field: fn(&Check) -> &str, head: &str| {
            self.checks
                .iter()
                .map(|c| printable(field(c)).chars().count())
                .max()
                .unwrap_or(0)
                .max(head.len())
        };
        let (name, found) = (
            width(|c| &c.name, "CHECK"),
            width(|c| &c.found, "FOUND").min(48),
        );
        let mut text = format!(
            "{:6}  {:name$}  {:found$}  NEEDED\n",
            "STATUS", "CHECK", "FOUND"
        );
        for check in &self.checks {
            text += &line(check, name, found);
        }
        text + &self.verdict()
    }

    /// The report as JSON, with a newline at its end.
    pub(crate) fn to_json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    fn verdict(&self) -> String {
        let count = |status| self.checks.iter().filter(|c| c.status == status).count();
        match (count(Status::Fail), count(Status::Warn)) {
            (0, 0) => "\ntracer can trace here\n".into(),
            (0, warned) => {
                format!("\ntracer can trace here, with less: see the {warned} marked warn\n")
            }
            (failed, _) => format!("\ntracer cannot trace here: see the {failed} marked FAIL\n"),
        }
    }
}

/// Line of a check in the table.
fn line(check: &Check, name: usize, found: usize) -> String {
    let status = match check.status {
        Status::Ok => "ok",
        Status::Warn => "warn",
        Status::Fail => "FAIL",
    };
    let fields = [&check.name, &check.found, &check.needed].map(|field| printable(field));
    let mut text = format!(
        "{status:6}  {:name$}  {:found$}  {}\n",
        fields[0], fields[1], fields[2]
    );
    if let Some(remedy) = &check.remedy {
        text += &format!("        -> {}\n", printable(remedy));
    }
    text
}

fn kernel(roots: &Roots) -> Check {
    let release = read(&roots.proc.join("sys/kernel/osrelease"));
    let check = Check::ok(
        "kernel",
        shown(release.as_deref()),
        format!("{}.{} or newer", TESTED.0, TESTED.1),
    );
    match release.as_deref().and_then(version) {
        Some(version) if version >= TESTED => check,
        Some(version) if version < POSSIBLE => check.but(Status::Fail, "programs need bpf_loop (5.17) and more; boot a newer kernel"),
        Some(_) => check.but(Status::Warn, "not tested: the verifier may refuse the programs unless the distribution has backported BPF; boot 6.1 or newer"),
        None => check.but(Status::Warn, "cannot tell the kernel's version; is /proc mounted?"),
    }
}

/// Major and minor number of a kernel release such as `6.12.0-1-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn rights(roots: &Roots) -> Check {
    let held = field(&roots.proc.join("self/status"), "CapEff:")
        .and_then(|hex| u64::from_str_radix(&hex, 16).ok());
    let held = held.unwrap_or(0);
    // CAP_SYS_ADMIN includes CAP_BPF and CAP_PERFMON (include/linux/capability.h).
    let has = |cap: u32| held >> cap & 1 == 1 || cap >= 38 && held >> CAP_SYS_ADMIN & 1 == 1;
    let missing = |caps: &[(u32, &'static str)]| {
        caps.iter()
            .filter(|(cap, _)| !has(*cap))
            .map(|(_, name)| *name)
            .collect::<Vec<_>>()
    };
    let (needed, wanted) = (missing(&NEEDED_CAPS), missing(&WANTED_CAPS));
    let found = match [needed.clone(), wanted.clone()].concat() {
        none if none.is_empty() => "all".to_owned(),
        some => format!("without {}", some.join(", ")),
    };
    Check::ok(RIGHTS, found, "root, or CAP_BPF, PERFMON, NET_ADMIN, SYS_PTRACE, SYS_ADMIN")
        .unless(wanted.is_empty(), Status::Warn, "names of other users' processes and sockets of other network namespaces may be unknown; run with sudo")
        .unless(needed.is_empty(), Status::Fail, "run with sudo (containers: --privileged, or --cap-add of what is missing)")
}

fn namespace(
    roots: &Roots,
    (name, link, initial, status, remedy): &(&str, &str, u64, Status, &str),
) -> Check {
    let target = std::fs::read_link(roots.proc.join("self/ns").join(link)).ok();
    let found = target.as_deref().and_then(Path::to_str);
    let expected = format!("{link}:[{initial}]");
    let check = Check::ok(*name, shown(found), format!("the initial one, {expected}"));
    match found {
        Some(found) => check.unless(found == expected, *status, *remedy),
        None => check.but(
            Status::Warn,
            format!("cannot tell which {name} this is; is /proc mounted?"),
        ),
    }
}

/// Checks of the type information, and of the hooks that it lists.
fn btf(roots: &Roots) -> Vec<Check> {
    let path = roots.sys.join("kernel/btf/vmlinux");
    let needed = "readable, with the kernel's structures";
    match Btf::from_file(&path) {
        Err(e) => vec![Check::ok("type information (BTF)", e.to_string(), needed).but(
            Status::Fail,
            "boot a kernel with CONFIG_DEBUG_INFO_BTF=y (Debian, Ubuntu, Fedora, RHEL and Arch have it); is /sys mounted?",
        )],
        Ok(btf) => {
            let found = Check::ok("type information (BTF)", path.display().to_string(), needed);
            let good = btf.offset("sock", "sk_err").is_ok();
            let found = found.unless(good, Status::Fail, "struct sock is not described: boot a kernel with CONFIG_INET=y");
            let hooks = TRACEPOINTS.iter().map(|t| tracepoint(&btf, t));
            [found].into_iter().chain(hooks).chain([iterator(&btf)]).collect()
        }
    }
}

fn tracepoint(btf: &Btf, (name, lost): &(&str, &str)) -> Check {
    let there = btf.has_tracepoint(name);
    let check = Check::ok(
        format!("tracepoint {name}"),
        if there { "there" } else { "missing" },
        "there",
    );
    match *lost {
        "" => check.unless(
            there,
            Status::Fail,
            "boot a kernel with CONFIG_TRACEPOINTS=y, CONFIG_BPF_EVENTS=y and CONFIG_INET=y",
        ),
        lost => check.unless(there, Status::Warn, format!("{lost}; boot a newer kernel")),
    }
}

fn iterator(btf: &Btf) -> Check {
    let there = btf.has_func("bpf_iter_task_file");
    let check = Check::ok(
        "iterator task_file",
        if there { "there" } else { "missing" },
        "there",
    );
    check.unless(
        there,
        Status::Warn,
        "connections open before tracing starts are not adopted; boot a newer kernel",
    )
}

fn cgroup(roots: &Roots) -> Check {
    let mountinfo = read(&roots.proc.join("self/mountinfo")).unwrap_or_default();
    let needed = "mounted anywhere";
    match Hierarchy::in_mountinfo(&mountinfo) {
        Some(hierarchy) => Check::ok("cgroup v2", hierarchy.mount().display().to_string(), needed),
        None => Check::ok("cgroup v2", "not mounted", needed).but(
            Status::Fail,
            "mkdir -p /run/cgroup2 && mount -t cgroup2 none /run/cgroup2 (v1 controllers can stay)",
        ),
    }
}

fn lockdown(roots: &Roots) -> Check {
    let text = read(&roots.sys.join("kernel/security/lockdown"));
    let mode = text
        .as_deref()
        .and_then(|t| t.split_once('[')?.1.split_once(']'))
        .map(|(mode, _)| mode);
    let found = mode.unwrap_or("unknown (securityfs not mounted?)");
    let remedy = "this mode may refuse programs that read kernel memory; boot with lockdown=integrity or with secure boot off";
    Check::ok("kernel lockdown", found, "none or integrity").unless(
        mode != Some("confidentiality"),
        Status::Warn,
        remedy,
    )
}

fn setting(roots: &Roots, (path, needed, bad, remedy): &(&str, &str, &[&str], &str)) -> Check {
    let value = read(&roots.proc.join("sys").join(path))
        .map(|v| v.split_whitespace().collect::<Vec<_>>().join(" "));
    let good = value.as_deref().is_none_or(|v| !bad.contains(&v));
    Check::ok(path.replace('/', "."), shown(value.as_deref()), *needed).unless(
        good,
        Status::Warn,
        *remedy,
    )
}

fn memlock(roots: &Roots) -> Check {
    let limit = field(&roots.proc.join("self/limits"), "Max locked memory");
    Check::ok(
        "RLIMIT_MEMLOCK",
        shown(limit.as_deref()),
        "any value: since 5.11 maps are charged to the cgroup",
    )
}

fn mount(roots: &Roots, (name, kind): &(&str, &str)) -> Check {
    let mountinfo = read(&roots.proc.join("self/mountinfo")).unwrap_or_default();
    let of_kind = |line: &&str| {
        line.split_once(" - ")
            .is_some_and(|(_, fs)| fs.split(' ').next() == Some(kind))
    };
    let at = mountinfo
        .lines()
        .find(of_kind)
        .and_then(|line| line.split(' ').nth(4));
    Check::ok(*name, at.unwrap_or("not mounted"), "optional: not used")
}

fn ipv6(roots: &Roots) -> Check {
    let disabled = read(&roots.proc.join("sys/net/ipv6/conf/all/disable_ipv6"));
    let found = match disabled.as_deref() {
        Some("0") => "enabled",
        Some(_) => "disabled",
        None => "not built in",
    };
    Check::ok("IPv6", found, "optional: traced where it is used")
}

fn sockets(probe: &dyn Fn() -> Result<String, String>) -> Check {
    let result = probe();
    let remedy = "TIME_WAIT sockets cannot be counted; modprobe tcp_diag, or a kernel with CONFIG_INET_TCP_DIAG=y";
    let good = result.is_ok();
    Check::ok(
        "inet_diag",
        result.unwrap_or_else(|e| e),
        "lists TCP sockets",
    )
    .unless(good, Status::Warn, remedy)
}

fn programs(probe: &dyn Fn() -> Result<String, String>) -> Check {
    let result = probe();
    let good = result.is_ok();
    let remedy = "first see to what failed above; if nothing did, please report this with the kernel's release";
    Check::ok(
        "kernel programs",
        result.unwrap_or_else(|e| e),
        "load and pass the verifier",
    )
    .unless(good, Status::Fail, remedy)
}

fn uprobes(probe: &dyn Fn() -> Result<String, String>) -> Check {
    let result = probe();
    let good = result.is_ok();
    let remedy = "requests of HTTP/2 over TLS are known only as far as lengths and times tell; run with sudo, on a kernel with CONFIG_UPROBES=y and CONFIG_UPROBE_EVENTS=y";
    Check::ok(
        "uprobes",
        result.unwrap_or_else(|e| e),
        "optional: they read the frames of HTTP/2",
    )
    .unless(good, Status::Warn, remedy)
}

/// First word after `key` in a file whose lines start with keys.
fn field(path: &Path, key: &str) -> Option<String> {
    let text = read(path)?;
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    value.split_whitespace().next().map(str::to_owned)
}

/// Text of a file without surrounding white space.
fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path)
        .ok()
        .map(|text| text.trim().to_owned())
}

fn shown(value: Option<&str>) -> String {
    value.unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A machine imitated by files; it is healthy, and its BTF is this machine's, if this machine has one.
    struct Tree(tempfile::TempDir);

    impl Tree {
        fn healthy() -> Self {
            let tree = Self(tempfile::tempdir().unwrap());
            let files = [
                ("proc/sys/kernel/osrelease", "6.12.0-1-amd64\n"),
                (
                    "proc/self/status",
                    "Name:\ttracer\nCapEff:\t000001ffffffffff\n",
                ),
                (
                    "proc/self/mountinfo",
                    "26 23 0:24 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n27 23 0:25 / /sys/fs/bpf rw - bpf bpf rw\n",
                ),
                (
                    "proc/self/limits",
                    "Limit  Soft  Hard  Units\nMax locked memory         8388608      8388608      bytes\n",
                ),
                ("proc/sys/net/core/bpf_jit_enable", "1\n"),
                ("proc/sys/kernel/bpf_stats_enabled", "0\n"),
                ("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n"),
                ("proc/sys/net/ipv6/conf/all/disable_ipv6", "0\n"),
                (
                    "sys/kernel/security/lockdown",
                    "none [integrity] confidentiality\n",
                ),
            ];
            for (path, text) in files {
                tree.write(path, text);
            }
            for (_, link, number, ..) in NAMESPACES {
                tree.link(link, number);
            }
            tree.remove("sys/kernel/btf/vmlinux");
            fs::create_dir_all(tree.at("sys/kernel/btf")).unwrap();
            std::os::unix::fs::symlink(
                "/sys/kernel/btf/vmlinux",
                tree.at("sys/kernel/btf/vmlinux"),
            )
            .unwrap();
            tree
        }
        fn at(&self, path: &str) -> PathBuf {
            self.0.path().join(path)
        }
        fn write(&self, path: &str, text: &str) {
            fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
            fs::write(self.at(path), text).unwrap();
        }
        fn remove(&self, path: &str) {
            let _ = fs::remove_file(self.at(path));
        }
        fn link(&self, namespace: &str, number: u64) {
            let path = format!("proc/self/ns/{namespace}");
            fs::create_dir_all(self.at("proc/self/ns")).unwrap();
            self.remove(&path);
            std::os::unix::fs::symlink(format!("{namespace}:[{number}]"), self.at(&path)).unwrap();
        }
        fn report(&self, probes: &Probes<'_>) -> Report {
            Report::make(
                &Roots {
                    proc: self.at("proc"),
                    sys: self.at("sys"),
                },
                probes,
            )
        }
        #[track_caller]
        fn check(&self, name: &str, status: Status, found: &str) {
            let report = self.report(&Probes::default());
            let check = report.checks.iter().find(|c| c.name == name).unwrap();
            assert!(
                check.status == status && check.found.contains(found),
                "{check:?}"
            );
            assert_eq!(check.remedy.is_some(), status != Status::Ok, "{check:?}");
            assert_eq!(
                report.exit_code() == 3,
                report.checks.iter().any(|c| c.status == Status::Fail)
            );
        }
    }

    #[track_caller]
    fn check_file(path: &str, text: &str, name: &str, status: Status, found: &str) {
        let tree = Tree::healthy();
        tree.write(path, text);
        tree.check(name, status, found);
    }

    #[test]
    fn a_healthy_machine() {
        let tree = Tree::healthy();
        let fine = || Ok("3 sockets".to_owned());
        let report = tree.report(&Probes {
            list_sockets: Some(&fine),
            try_load: Some(&fine),
            try_probe: Some(&fine),
        });
        assert_eq!(report.exit_code(), 0, "{}", report.to_text());
        assert!(
            report.checks.iter().all(|c| c.status == Status::Ok),
            "{}",
            report.to_text()
        );
        assert!(report.to_text().ends_with("tracer can trace here\n"));
    }

    #[test]
    fn kernels() {
        let check = |release, status| {
            check_file(
                "proc/sys/kernel/osrelease",
                release,
                "kernel",
                status,
                release,
            )
        };
        check("6.18.44", Status::Ok);
        check("6.1.0-56-cloud", Status::Ok);
        check("10.0", Status::Ok);
        check("6.0.19", Status::Warn);
        check("5.17.0-1003-oem", Status::Warn);
        check("5.10.0", Status::Fail);
        check("4.18.0", Status::Fail);
        check("unheard of", Status::Warn);
    }

    #[test]
    fn rights_by_capability() {
        let check = |held: u64, status, found| {
            check_file(
                "proc/self/status",
                &format!("CapEff:\t{held:016x}\n"),
                "rights",
                status,
                found,
            )
        };
        check(0, Status::Fail, "CAP_BPF");
        check(
            1 << 39 | 1 << 38 | 1 << 12,
            Status::Warn,
            "without CAP_SYS_PTRACE, CAP_SYS_ADMIN",
        );
        check(1 << 21 | 1 << 12 | 1 << 19, Status::Ok, "all");
        check(
            1 << 39 | 1 << 38 | 1 << 21 | 1 << 19,
            Status::Fail,
            "without CAP_NET_ADMIN",
        );
    }

    #[test]
    fn containers() {
        for (name, link, _, status, _) in NAMESPACES {
            let tree = Tree::healthy();
            tree.link(link, 4_026_532_999);
            tree.check(name, status, "4026532999");
            tree.remove(&format!("proc/self/ns/{link}"));
            tree.check(name, Status::Warn, "unknown");
        }
    }

    #[test]
    fn mounts_and_settings() {
        check_file(
            "proc/self/mountinfo",
            "",
            "cgroup v2",
            Status::Fail,
            "not mounted",
        );
        check_file(
            "proc/self/mountinfo",
            "",
            "bpf file system",
            Status::Ok,
            "not mounted",
        );
        Tree::healthy().check("cgroup v2", Status::Ok, "/sys/fs/cgroup");
        Tree::healthy().check("bpf file system", Status::Ok, "/sys/fs/bpf");
        check_file(
            "proc/sys/net/core/bpf_jit_enable",
            "0\n",
            "net.core.bpf_jit_enable",
            Status::Warn,
            "0",
        );
        check_file(
            "proc/sys/kernel/bpf_stats_enabled",
            "1\n",
            "kernel.bpf_stats_enabled",
            Status::Warn,
            "1",
        );
        Tree::healthy().check("net.ipv4.ip_local_port_range", Status::Ok, "32768 60999");
        Tree::healthy().check("net.ipv4.tcp_tw_reuse", Status::Ok, "unknown");
        Tree::healthy().check("RLIMIT_MEMLOCK", Status::Ok, "8388608");
        check_file(
            "proc/sys/net/ipv6/conf/all/disable_ipv6",
            "1\n",
            "IPv6",
            Status::Ok,
            "disabled",
        );
    }

    #[test]
    fn lockdown_modes() {
        let check = |text, status, found| {
            check_file(
                "sys/kernel/security/lockdown",
                text,
                "kernel lockdown",
                status,
                found,
            )
        };
        check(
            "none [integrity] confidentiality\n",
            Status::Ok,
            "integrity",
        );
        check("[none] integrity confidentiality\n", Status::Ok, "none");
        check(
            "none integrity [confidentiality]\n",
            Status::Warn,
            "confidentiality",
        );
        check("", Status::Ok, "unknown");
        let tree = Tree::healthy();
        tree.remove("sys/kernel/security/lockdown");
        tree.check("kernel lockdown", Status::Ok, "unknown");
    }

    #[test]
    fn type_information() {
        let tree = Tree::healthy();
        tree.check("tracepoint inet_sock_set_state", Status::Ok, "there");
        tree.remove("sys/kernel/btf/vmlinux");
        tree.check("type information (BTF)", Status::Fail, "cannot read");
        let bare = Btf::parse(
            [0xEB9Fu16.to_ne_bytes(), [1, 0], [24u8, 0], [0, 0]]
                .concat()
                .into_iter()
                .chain([0; 16])
                .collect(),
        )
        .unwrap();
        for (name, lost) in &TRACEPOINTS {
            let expected = if lost.is_empty() {
                Status::Fail
            } else {
                Status::Warn
            };
            assert_eq!(tracepoint(&bare, &(name, lost)).status, expected);
        }
        assert_eq!(iterator(&bare).status, Status::Warn);
    }

    #[test]
    fn probes_that_fail() {
        let bad = || Err("refused\nline 2\x1b[31m".to_owned());
        let report = Tree::healthy().report(&Probes {
            list_sockets: Some(&bad),
            ..Probes::default()
        });
        assert_eq!(report.exit_code(), 0);
        assert!(
            report
                .to_text()
                .contains("with less: see the 1 marked warn"),
            "{}",
            report.to_text()
        );
        let report = Tree::healthy().report(&Probes {
            try_load: Some(&bad),
            try_probe: Some(&bad),
            ..Probes::default()
        });
        assert_eq!(report.exit_code(), 3);
        let text = report.to_text();
        assert!(
            text.contains("refused\\nline 2\\u{1b}[31m")
                && text.contains("cannot trace here: see the 1 marked FAIL"),
            "{text}"
        );
    }

    #[test]
    fn json_says_the_same() {
        let tree = Tree::healthy();
        tree.write("proc/self/mountinfo", "");
        let json: serde_json::Value =
            serde_json::from_str(&tree.report(&Probes::default()).to_json().unwrap()).unwrap();
        assert_eq!(json["can_trace"], false);
        let checks = json["checks"].as_array().unwrap();
        let cgroup = checks.iter().find(|c| c["name"] == "cgroup v2").unwrap();
        assert_eq!(
            (cgroup["status"].as_str(), cgroup["found"].as_str()),
            (Some("fail"), Some("not mounted"))
        );
        assert!(
            cgroup["remedy"]
                .as_str()
                .unwrap()
                .contains("mount -t cgroup2")
        );
        assert!(checks[0].get("remedy").is_none());
    }

    #[test]
    fn nothing_to_read_is_not_a_panic() {
        let report = Report::make(
            &Roots {
                proc: "/nonexistent".into(),
                sys: "/nonexistent".into(),
            },
            &Probes::default(),
        );
        assert_eq!(report.exit_code(), 3);
    }
}
