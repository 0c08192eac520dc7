//! Load-time globals: byte offsets of kernel struct members and the filter.
//!
//! rustc emits no CO-RE relocations, so user space reads the offsets from the kernel's BTF and sets
//! them before the load; the section is frozen, and the verifier sees known constants.

/// Byte offsets of kernel struct members, from the running kernel's BTF. `u32` each.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "user", derive(zerocopy::IntoBytes, zerocopy::Immutable))]
pub struct Offsets {
    /// `sock.__sk_common.skc_family`, u16.
    pub sock_family: u32,
    /// `sock.__sk_common.skc_dport`, big-endian u16.
    pub sock_remote_port: u32,
    /// `sock.__sk_common.skc_num`, u16.
    pub sock_local_port: u32,
    /// `sock.__sk_common.skc_daddr`, 4 bytes.
    pub sock_remote_v4: u32,
    /// `sock.__sk_common.skc_rcv_saddr`, 4 bytes.
    pub sock_local_v4: u32,
    /// `sock.__sk_common.skc_v6_daddr`, 16 bytes.
    pub sock_remote_v6: u32,
    /// `sock.__sk_common.skc_v6_rcv_saddr`, 16 bytes.
    pub sock_local_v6: u32,
    /// `sock.__sk_common.skc_state`, u8.
    pub sock_state: u32,
    /// `sock.__sk_common.skc_flags`, unsigned long (bits of `enum sock_flags`).
    pub sock_flags: u32,
    /// `sock.__sk_common.skc_net.net`, pointer to `struct net`.
    pub sock_net: u32,
    /// `net.ns.inum`, u32.
    pub net_inum: u32,
    /// `sock.sk_err`, int.
    pub sock_err: u32,
    /// `sock.sk_shutdown`, u8 (bits RCV_SHUTDOWN and SEND_SHUTDOWN).
    pub sock_shutdown: u32,
    /// `sock.sk_bpf_storage`, pointer to `struct bpf_local_storage`; null while the socket is in no socket storage.
    pub sock_storage: u32,
    /// `sock.sk_protocol`, u16.
    pub sock_protocol: u32,
    /// `socket.sk`, pointer to `struct sock`.
    pub socket_sk: u32,
    /// `tcp_sock.snd_nxt`, u32.
    pub tcp_next: u32,
    /// `tcp_sock.copied_seq`, u32.
    pub tcp_copied: u32,
    /// `tcp_sock.rcv_nxt`, u32.
    pub tcp_received: u32,
    /// `tcp_sock.srtt_us`, u32, microseconds times eight.
    pub tcp_srtt: u32,
    /// `tcp_sock.total_retrans`, u32.
    pub tcp_retransmits: u32,
    /// `tcp_sock.segs_out`, u32, the SYN included.
    pub tcp_segments_out: u32,
    /// `tcp_sock.segs_in`, u32, the SYN included.
    pub tcp_segments_in: u32,
    /// `tcp_sock.rcv_ooopack`, u32.
    pub tcp_out_of_order: u32,
    /// `tcp_sock.mss_cache`, u32.
    pub tcp_segment_bytes: u32,
    /// `tcp_sock.bytes_sent`, u64, retransmitted bytes included.
    pub tcp_bytes_sent: u32,
    /// `tcp_sock.bytes_retrans`, u64.
    pub tcp_bytes_retransmitted: u32,
    /// `tcp_sock.bytes_received`, u64.
    pub tcp_bytes_received: u32,
    /// `tcp_sock.is_mptcp`, bool; 0 when the kernel was built without CONFIG_MPTCP.
    pub tcp_is_mptcp: u32,
    /// `task_struct.pid`, int (thread id).
    pub task_pid: u32,
    /// `task_struct.tgid`, int (process id).
    pub task_tgid: u32,
    /// `task_struct.sched_info.run_delay`, u64, ns; 0 when the kernel was built without CONFIG_SCHED_INFO.
    pub task_run_delay: u32,
    /// `task_struct.comm`, 16 bytes.
    pub task_comm: u32,
    /// `task_struct.group_leader`, pointer to `task_struct`.
    pub task_group_leader: u32,
    /// `task_struct.signal`, pointer to `signal_struct`.
    pub task_signal: u32,
    /// `signal_struct.live.counter`, int: threads that have not exited yet.
    pub signal_live: u32,
    /// `task_struct.mm`, pointer to `mm_struct`.
    pub task_mm: u32,
    /// `mm_struct.exe_file`, pointer to `file`.
    pub mm_exe_file: u32,
    /// `file.f_inode`, pointer to `inode`.
    pub file_inode: u32,
    /// `inode.i_ino`, unsigned long.
    pub inode_number: u32,
    /// `inode.i_sb`, pointer to `super_block`.
    pub inode_super_block: u32,
    /// `super_block.s_dev`, u32.
    pub super_block_device: u32,
    /// `linux_binprm.interp`, pointer to a C string: the binary that runs, also for a script.
    pub binprm_interpreter: u32,
    /// `task_struct.cgroups`, pointer to `css_set`.
    pub task_cgroups: u32,
    /// `css_set.dfl_cgrp`, pointer to the cgroup-v2 `cgroup`.
    pub css_set_default: u32,
    /// `cgroup.kn`, pointer to `kernfs_node`.
    pub cgroup_node: u32,
    /// `cgroup.level`, int.
    pub cgroup_level: u32,
    /// `cgroup.ancestors`, array of pointers to `cgroup`.
    pub cgroup_ancestors: u32,
    /// `kernfs_node.id`, u64.
    pub node_id: u32,
}

/// Number of alternatives that each repeatable filter flag takes.
pub const ALTERNATIVES: usize = 8;
/// Number of `--comm` globs that can be given (their tables are large).
pub const GLOBS: usize = 4;

/// A `--comm` glob as a bit-parallel automaton: bit i of the state means that the first i tokens
/// (literal or `?`) have matched. One step per character, no branches.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "user", derive(zerocopy::IntoBytes, zerocopy::Immutable))]
pub struct Glob {
    /// States that each byte value may enter.
    pub accept: [u32; 256],
    /// States that a `*` keeps active on any byte.
    pub star: u32,
    /// State in which the whole pattern has matched.
    pub done: u32,
}

/// An address range: `--cidr`. IPv4 is kept as IPv4-mapped IPv6 (RFC 4291 2.5.5.2).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "user", derive(zerocopy::IntoBytes, zerocopy::Immutable))]
pub struct Cidr {
    /// Network address in network byte order with host bits zero, as four native words.
    pub address: [u32; 4],
    /// Mask of the bits that must agree, in the form of `address`.
    pub mask: [u32; 4],
}

/// A cgroup and its depth below the cgroup-v2 root (root = 0): `--cgroup`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "user", derive(zerocopy::IntoBytes, zerocopy::Immutable))]
pub struct Cgroup {
    /// The cgroup's id, its inode number.
    pub id: u64,
    /// Depth below the root.
    pub level: u32,
    /// Zero.
    pub pad: u32,
}

/// An executable by device and inode: `--exe`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "user", derive(zerocopy::IntoBytes, zerocopy::Immutable))]
pub struct Executable {
    /// Inode number.
    pub inode: u64,
    /// Device in the kernel's own encoding (major << 20 | minor).
    pub device: u32,
    /// Zero.
    pub pad: u32,
}

/// Filter of processes and connections. Members are joined by AND, the entries of a member by OR; a count of zero
/// admits all.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "user", derive(zerocopy::IntoBytes, zerocopy::Immutable))]
pub struct Filter {
    /// Process id of tracer itself, which is never traced unless `include_self` is set.
    pub own_tgid: u32,
    /// 1 if only processes in the `PROCESSES` map are traced.
    pub by_process: u32,
    /// 1 if loopback destinations are left out.
    pub exclude_loopback: u32,
    /// Number of `comms` that are set.
    pub comm_count: u32,
    /// Number of `cgroups` that are set.
    pub cgroup_count: u32,
    /// Number of `ports` that are set.
    pub port_count: u32,
    /// Number of `cidrs` that are set.
    pub cidr_count: u32,
    /// Number of `executables` that are set.
    pub executable_count: u32,
    /// 1 if the filter may change while tracing: it is then in the `LIVE_FILTERS` map, and the other members of the global
    /// are not used.
    pub live: u32,
    /// Zero.
    pub pad: u32,
    /// Cgroups; a process below one of them passes.
    pub cgroups: [Cgroup; ALTERNATIVES],
    /// Executables; a process that runs one of them passes.
    pub executables: [Executable; ALTERNATIVES],
    /// Remote ports, host byte order.
    pub ports: [u32; ALTERNATIVES],
    /// Remote addresses.
    pub cidrs: [Cidr; ALTERNATIVES],
    /// Globs over the process's comm.
    pub comms: [Glob; GLOBS],
}

impl Filter {
    /// A filter that admits every process but `own_tgid`.
    pub const fn all() -> Self {
        Self {
            own_tgid: 0,
            by_process: 0,
            exclude_loopback: 0,
            comm_count: 0,
            cgroup_count: 0,
            port_count: 0,
            cidr_count: 0,
            executable_count: 0,
            live: 0,
            pad: 0,
            cgroups: [Cgroup {
                id: 0,
                level: 0,
                pad: 0,
            }; ALTERNATIVES],
            executables: [Executable {
                inode: 0,
                device: 0,
                pad: 0,
            }; ALTERNATIVES],
            ports: [0; ALTERNATIVES],
            cidrs: [Cidr {
                address: [0; 4],
                mask: [0; 4],
            }; ALTERNATIVES],
            comms: [Glob {
                accept: [0; 256],
                star: 0,
                done: 0,
            }; GLOBS],
        }
    }
}

impl Offsets {
    /// Offsets that are all zero; user space sets the real ones before the load.
    pub const fn zero() -> Self {
        // SAFETY: a struct of u32 only; all zero is a value of it.
        unsafe { core::mem::zeroed() }
    }
}

/// Ways in which HTTP/2 is read: values of [`Http2::mode`].
pub mod http2 {
    /// Not at all.
    pub const OFF: u32 = 0;
    /// TLS records and their times are reported.
    pub const WIRE: u32 = 1;
    /// As [`WIRE`], and frames are read: those in clear from the packets, those over TLS by the probes that are attached.
    pub const FRAMES: u32 = 2;
}

/// Settings of HTTP/2.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "user", derive(zerocopy::IntoBytes, zerocopy::Immutable))]
pub struct Http2 {
    /// Way in which HTTP/2 is read, one of [`http2`].
    pub mode: u32,
}

impl Http2 {
    /// Settings with which nothing of HTTP/2 is read.
    pub const fn off() -> Self {
        Self { mode: http2::OFF }
    }
}

/// Key of the `LISTENERS` map.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::IntoBytes, zerocopy::Immutable))]
pub struct ListenerKey {
    /// Inode number of the network namespace.
    pub netns: u32,
    /// Local port, host byte order.
    pub port: u32,
}
