//! The loaded kernel programs: attaching them, and reading their maps.

use std::{
    fs::File,
    io::Read,
    os::fd::{AsFd, AsRawFd, OwnedFd, RawFd},
    path::Path,
};

use aya::{
    Btf, Ebpf,
    maps::{Array, HashMap, MapData, MapError, PerCpuArray, RingBuf},
    programs::{
        BtfTracePoint, CgroupAttachMode, CgroupSkb, CgroupSkbAttachType, CgroupSock,
        CgroupSockAddr, Iter,
    },
};
use tracer_common::{
    config::{Filter, ListenerKey, http2},
    counter::Counter,
    dns::{LostAnswer, LostAnswerKey},
    name, overflow,
    record::ClosedRecord,
};

use tracer_core::{live::WATCH_BYTES, overflow::Overflow};

use super::{
    load::{KernelError, Options, load_object, program},
    log::KernelLog,
    uprobe::Uprobes,
};

/// Program and tracepoint of each `tp_btf` hook.
const TRACEPOINTS: [(&str, &str); 8] = [
    ("process_fork", "sched_process_fork"),
    ("process_exec", "sched_process_exec"),
    ("process_exit", "sched_process_exit"),
    ("socket_state", "inet_sock_set_state"),
    ("socket_state_2", "inet_sock_set_state"),
    ("retransmit", "tcp_retransmit_skb"),
    ("pickup", "tcp_rcv_space_adjust"),
    ("switch", "sched_switch"),
];
/// Tracepoint with two programs, of which one sees what the other one misses.
const PAIRED: &str = "inet_sock_set_state";
const PACKETS: [(&str, CgroupSkbAttachType); 2] = [
    ("packet_in", CgroupSkbAttachType::Ingress),
    ("packet_out", CgroupSkbAttachType::Egress),
];
/// Programs that note the owner of each socket that queries port 53.
const DNS_OWNERS: [&str; 4] = [
    "dns_connect4",
    "dns_connect6",
    "dns_sendmsg4",
    "dns_sendmsg6",
];
const DNS_RELEASE: &str = "dns_release";
const SOCKETS: &str = "sockets";
const SOCKETS_LAST: &str = "sockets_last";
const SOCKETS_WATCH: &str = "sockets_watch";

/// The kernel programs, loaded. They run while this value lives.
pub(crate) struct Kernel {
    ebpf: Ebpf,
    records: RingBuf<MapData>,
    counters: PerCpuArray<MapData, u64>,
    /// Value of the counter of late closes when they were last taken.
    late_closes: u64,
    log: Option<KernelLog>,
    /// Index of the filter in use, if it may change.
    live_filter: u32,
    /// Programs for uprobes, if frames of HTTP/2 are read.
    uprobes: Option<Uprobes>,
}

/// `ListenerKey` as a type that aya accepts as key.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Listener(ListenerKey);
// SAFETY: repr(C), two u32, no padding.
unsafe impl aya::Pod for Listener {}

/// Key of the lost answers, in the same way.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct LostKey(LostAnswerKey);
// SAFETY: repr(C), a u64 and two u32, no padding.
unsafe impl aya::Pod for LostKey {}

#[derive(Clone, Copy)]
#[repr(transparent)]
struct Lost(LostAnswer);
// SAFETY: as above.
unsafe impl aya::Pod for Lost {}

/// A close that found the ring full, in the same way.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct LateClose(ClosedRecord);
// SAFETY: repr(C), integers whose padding is spelled out.
unsafe impl aya::Pod for LateClose {}

#[derive(Clone, Copy)]
#[repr(transparent)]
struct LiveFilter(Filter);
// SAFETY: repr(C), integers whose padding is spelled out.
unsafe impl aya::Pod for LiveFilter {}

impl Kernel {
    /// Loads every program; attaches none.
    pub(crate) fn load(options: &Options) -> Result<Self, KernelError> {
        let mut ebpf = load_object(options)?;
        let log = if options.kernel_log {
            Some(KernelLog::open(&mut ebpf)?)
        } else {
            None
        };
        let btf = Btf::from_sys_fs().map_err(|error| KernelError::Program {
            name: "btf",
            reason: error.to_string(),
        })?;
        for (name, tracepoint) in TRACEPOINTS {
            let program: &mut BtfTracePoint = program(&mut ebpf, name)?;
            program
                .load(tracepoint, &btf)
                .map_err(KernelError::program(name))?;
        }
        for (name, _) in PACKETS {
            let program: &mut CgroupSkb = program(&mut ebpf, name)?;
            program.load().map_err(KernelError::program(name))?;
        }
        for name in DNS_OWNERS {
            let program: &mut CgroupSockAddr = program(&mut ebpf, name)?;
            program.load().map_err(KernelError::program(name))?;
        }
        let release: &mut CgroupSock = program(&mut ebpf, DNS_RELEASE)?;
        release.load().map_err(KernelError::program(DNS_RELEASE))?;
        for name in [SOCKETS, SOCKETS_LAST, SOCKETS_WATCH] {
            let sockets: &mut Iter = program(&mut ebpf, name)?;
            sockets
                .load("task_file", &btf)
                .map_err(KernelError::program(name))?;
        }
        let uprobes = match options.http2 {
            http2::FRAMES => Some(Uprobes::load(&mut ebpf)?),
            _ => None,
        };
        let records = take(&mut ebpf, name::RECORDS)?;
        let records = RingBuf::try_from(records).map_err(KernelError::map(name::RECORDS))?;
        let counters = take(&mut ebpf, name::COUNTERS)?;
        let counters = PerCpuArray::try_from(counters).map_err(KernelError::map(name::COUNTERS))?;
        let mut kernel = Self {
            ebpf,
            records,
            counters,
            late_closes: 0,
            live_filter: 0,
            log,
            uprobes,
        };
        if options.filter.live != 0 {
            kernel.set_filter(&options.filter)?;
        }
        Ok(kernel)
    }

    /// Attaches all programs; packets are watched in `cgroup`. Process programs come first, so that no child of a
    /// traced process is missed. Packet programs come before socket programs, so that the first packet of a connection
    /// is seen.
    pub(crate) fn attach(&mut self, cgroup: &Path) -> Result<(), KernelError> {
        let (process, socket) = TRACEPOINTS.split_at(3);
        self.attach_tracepoints(process)?;
        let directory = File::open(cgroup).map_err(|source| KernelError::File {
            path: cgroup.into(),
            source,
        })?;
        for (name, direction) in PACKETS {
            let program: &mut CgroupSkb = program(&mut self.ebpf, name)?;
            // Flags 0: a cgroup can have many links anyway, and the kernel refuses ALLOW_MULTI for links.
            program
                .attach(&directory, direction, CgroupAttachMode::Single)
                .map_err(KernelError::program(name))?;
        }
        self.attach_dns(&directory)?;
        self.attach_tracepoints(socket)
    }

    fn attach_dns(&mut self, directory: &File) -> Result<(), KernelError> {
        for name in DNS_OWNERS {
            let program: &mut CgroupSockAddr = program(&mut self.ebpf, name)?;
            program
                .attach(directory, CgroupAttachMode::Single)
                .map_err(KernelError::program(name))?;
        }
        let release: &mut CgroupSock = program(&mut self.ebpf, DNS_RELEASE)?;
        release
            .attach(directory, CgroupAttachMode::Single)
            .map_err(KernelError::program(DNS_RELEASE))?;
        Ok(())
    }

    fn attach_tracepoints(&mut self, hooks: &[(&'static str, &str)]) -> Result<(), KernelError> {
        for (name, _) in hooks {
            let program: &mut BtfTracePoint = program(&mut self.ebpf, name)?;
            program.attach().map_err(KernelError::program(name))?;
        }
        Ok(())
    }

    /// Programs for uprobes, if frames of HTTP/2 are read; returned once.
    pub(crate) fn take_uprobes(&mut self) -> Option<Uprobes> {
        self.uprobes.take()
    }

    /// Adds a process to the traced set.
    pub(crate) fn trace_process(&mut self, tgid: u32) -> Result<(), KernelError> {
        self.processes_mut()?
            .insert(tgid, 1, 0)
            .map_err(KernelError::map(name::PROCESSES))
    }

    /// Takes a process out of the traced set; its descendants stay.
    pub(crate) fn forget_process(&mut self, tgid: u32) -> Result<(), KernelError> {
        match self.processes_mut()?.remove(&tgid) {
            // The process has ended, and the kernel program has removed it.
            Err(MapError::SyscallError(error))
                if error.io_error.kind() == std::io::ErrorKind::NotFound =>
            {
                Ok(())
            }
            removed => removed.map_err(KernelError::map(name::PROCESSES)),
        }
    }

    fn processes_mut(&mut self) -> Result<HashMap<&mut MapData, u32, u32>, KernelError> {
        let map = self
            .ebpf
            .map_mut(name::PROCESSES)
            .ok_or(KernelError::Missing(name::PROCESSES))?;
        HashMap::try_from(map).map_err(KernelError::map(name::PROCESSES))
    }

    /// Processes in the traced set now.
    pub(crate) fn traced_processes(&self) -> Result<Vec<u32>, KernelError> {
        let map = self
            .ebpf
            .map(name::PROCESSES)
            .ok_or(KernelError::Missing(name::PROCESSES))?;
        let processes: HashMap<_, u32, u32> =
            HashMap::try_from(map).map_err(KernelError::map(name::PROCESSES))?;
        Ok(processes.keys().filter_map(Result::ok).collect())
    }

    /// Sets when the reader is woken: by the next record (`rests`), or only when very many records wait.
    pub(crate) fn set_rest(&mut self, rests: bool) -> Result<(), KernelError> {
        let mut slot: Array<_, u32> = self.array(name::RESTS)?;
        slot.set(0, u32::from(rests), 0)
            .map_err(KernelError::map(name::RESTS))
    }

    /// Replaces the filter, of programs that were loaded with one that may change. The new one is written whole before it
    /// is used.
    pub(crate) fn set_filter(&mut self, filter: &Filter) -> Result<(), KernelError> {
        let index = 1 - self.live_filter;
        let mut filters: Array<_, LiveFilter> = self.array(name::LIVE_FILTERS)?;
        filters
            .set(index, LiveFilter(*filter), 0)
            .map_err(KernelError::map(name::LIVE_FILTERS))?;
        let mut chosen: Array<_, u32> = self.array(name::LIVE_FILTER)?;
        chosen
            .set(0, index, 0)
            .map_err(KernelError::map(name::LIVE_FILTER))?;
        self.live_filter = index;
        Ok(())
    }

    fn array<V: aya::Pod>(
        &mut self,
        name: &'static str,
    ) -> Result<Array<&mut MapData, V>, KernelError> {
        let map = self.ebpf.map_mut(name).ok_or(KernelError::Missing(name))?;
        Array::try_from(map).map_err(KernelError::map(name))
    }

    /// Adds listening ports, so that sockets accepted there are not adopted.
    pub(crate) fn add_listeners(&mut self, netns: u32, ports: &[u16]) -> Result<(), KernelError> {
        let map = self
            .ebpf
            .map_mut(name::LISTENERS)
            .ok_or(KernelError::Missing(name::LISTENERS))?;
        let mut listeners: HashMap<_, Listener, u32> =
            HashMap::try_from(map).map_err(KernelError::map(name::LISTENERS))?;
        for port in ports {
            let key = Listener(ListenerKey {
                netns,
                port: u32::from(*port),
            });
            listeners
                .insert(key, 1, 0)
                .map_err(KernelError::map(name::LISTENERS))?;
        }
        Ok(())
    }

    /// Passes once over all open sockets of traced processes and adopts unknown ones. Returns the records in order:
    /// each socket, followed by its current turn.
    pub(crate) fn sweep(&mut self) -> Result<Vec<u8>, KernelError> {
        self.iterate(SOCKETS, usize::MAX)
    }

    /// Passes once over the open sockets without adopting any. The outgoing ones are known already; an unknown one may
    /// be outgoing or accepted, and nothing shows which.
    pub(crate) fn last_sweep(&mut self) -> Result<Vec<u8>, KernelError> {
        self.iterate(SOCKETS_LAST, usize::MAX)
    }

    /// Passes once over the open sockets, adopts none, and returns socket records only. On a machine with very many
    /// sockets it returns only some.
    pub(crate) fn watch(&mut self) -> Result<Vec<u8>, KernelError> {
        self.iterate(SOCKETS_WATCH, WATCH_BYTES)
    }

    /// Complete records that an iterator writes. Reading stops once there are `limit` bytes.
    fn iterate(&mut self, name: &'static str, limit: usize) -> Result<Vec<u8>, KernelError> {
        let program: &mut Iter = program(&mut self.ebpf, name)?;
        let id = program.attach().map_err(KernelError::program(name))?;
        let link = program.take_link(id).map_err(KernelError::program(name))?;
        let failed = |source| KernelError::File {
            path: "iter/task_file".into(),
            source,
        };
        let mut file = link
            .into_file()
            .map_err(|error| failed(std::io::Error::other(error)))?;
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 1 << 18];
        while bytes.len() < limit {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                // The kernel asks to read the seq file again.
                Err(e) if matches!(e.raw_os_error(), Some(libc::EAGAIN | libc::EINTR)) => {}
                Err(e) => return Err(failed(e)),
            }
        }
        Ok(bytes)
    }

    /// Calls `each` for up to `limit` waiting records; returns their number.
    pub(crate) fn read_records(&mut self, limit: usize, mut each: impl FnMut(&[u8])) -> usize {
        for count in 0..limit {
            let Some(record) = self.records.next() else {
                return count;
            };
            each(&record);
        }
        limit
    }

    /// Prints the waiting log lines; without `kernel_log` there are none.
    pub(crate) fn print_log(&mut self) {
        if let Some(log) = &mut self.log {
            log.print();
        }
    }

    /// File descriptor that becomes readable when the kernel programs wake the reader.
    pub(crate) fn records_fd(&self) -> std::io::Result<OwnedFd> {
        self.records.as_fd().try_clone_to_owned()
    }

    /// Closes of connections that found the ring full; each is returned once.
    pub(crate) fn take_late_closes(&mut self) -> Result<Vec<ClosedRecord>, KernelError> {
        let late = self.counter(Counter::LateClose);
        if late == self.late_closes {
            return Ok(Vec::new());
        }
        self.late_closes = late;
        let taken = self.take_all::<u64, LateClose>(name::LATE_CLOSES)?;
        Ok(taken.into_iter().map(|(_, close)| close.0).collect())
    }

    /// Removes all entries of a hash map and returns them.
    fn take_all<K: aya::Pod, V: aya::Pod>(
        &mut self,
        map: &'static str,
    ) -> Result<Vec<(K, V)>, KernelError> {
        let values = self.ebpf.map_mut(map).ok_or(KernelError::Missing(map))?;
        let mut values: HashMap<_, K, V> =
            HashMap::try_from(values).map_err(KernelError::map(map))?;
        let taken: Vec<(K, V)> = values.iter().filter_map(Result::ok).collect();
        for (key, _) in &taken {
            values.remove(key).map_err(KernelError::map(map))?;
        }
        Ok(taken)
    }

    /// DNS answers that found the ring full although their query did not; each is returned once.
    pub(crate) fn take_lost_answers(
        &mut self,
    ) -> Result<Vec<(LostAnswerKey, LostAnswer)>, KernelError> {
        let taken = self.take_all::<LostKey, Lost>(name::LOST_ANSWERS)?;
        let taken = taken.into_iter();
        Ok(taken.map(|(key, answer)| (key.0, answer.0)).collect())
    }

    /// Figures of the records that found the ring full; None if there are none.
    pub(crate) fn overflow(&self) -> Result<Option<Overflow>, KernelError> {
        let counts = self.sums(name::OVERFLOW_COUNTS, overflow::Count::COUNT)?;
        if counts[overflow::Count::Records as usize] == 0 {
            return Ok(None);
        }
        let slots = overflow::Histogram::COUNT * overflow::BUCKETS;
        let histograms = self.sums(name::OVERFLOW_TIMES, slots)?;
        Ok(Some(Overflow { histograms, counts }))
    }

    /// Each slot of a per-CPU array, summed over the CPUs.
    fn sums(&self, map: &'static str, slots: u32) -> Result<Vec<u64>, KernelError> {
        let values = self.ebpf.map(map).ok_or(KernelError::Missing(map))?;
        let values: PerCpuArray<_, u64> =
            PerCpuArray::try_from(values).map_err(KernelError::map(map))?;
        let sum = |slot| {
            Ok(values
                .get(&slot, 0)
                .map_err(KernelError::map(map))?
                .iter()
                .sum())
        };
        (0..slots).map(sum).collect()
    }

    /// Sum of each counter over the CPUs, in the order of [`Counter::ALL`].
    pub(crate) fn counters(&self) -> [u64; Counter::COUNT as usize] {
        Counter::ALL.map(|(counter, _)| match counter {
            Counter::SkippedRun => self.skipped_runs(),
            counter => self.counter(counter),
        })
    }

    /// Number of runs that the kernel skipped, of programs without a second one that takes its place.
    fn skipped_runs(&self) -> u64 {
        TRACEPOINTS
            .iter()
            .filter(|(_, tracepoint)| *tracepoint != PAIRED)
            .filter_map(|(name, _)| self.ebpf.program(name)?.fd().ok())
            .filter_map(|fd| skipped_runs_of(fd.as_fd().as_raw_fd()))
            .sum()
    }

    fn counter(&self, counter: Counter) -> u64 {
        let values = self.counters.get(&(counter as u32), 0);
        values.map_or(0, |values| values.iter().sum())
    }
}

/// Number of runs of a program that the kernel skipped.
fn skipped_runs_of(fd: RawFd) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).ok()?;
    skipped_runs_in(&text)
}

/// Number of skipped runs in what the kernel says about the descriptor of a program (`bpf_prog_show_fdinfo` in
/// kernel/bpf/syscall.c).
fn skipped_runs_in(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("recursion_misses:"))?;
    line.trim().parse().ok()
}

fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<aya::maps::Map, KernelError> {
    ebpf.take_map(name).ok_or(KernelError::Missing(name))
}

#[cfg(test)]
mod tests {
    use super::skipped_runs_in;

    #[test]
    fn skipped_runs_are_read() {
        let text =
            "pos:\t0\nprog_id:\t7\nrun_cnt:\t9\nrecursion_misses:\t300\nverified_insns:\t12\n";
        assert_eq!(skipped_runs_in(text), Some(300));
        assert_eq!(skipped_runs_in("pos:\t0\n"), None);
    }
}
