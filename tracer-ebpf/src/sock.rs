//! The only reader of kernel structs. Pointers come typed from a `tp_btf` or iterator context. The offsets are frozen
//! constants, so the verifier checks each access against the kernel's BTF.

use core::ffi::c_void;

use aya_ebpf::helpers::{
    bpf_get_current_task_btf, bpf_probe_read_kernel,
    generated::{bpf_get_socket_cookie, bpf_skc_to_tcp_sock},
};
use tracer_common::record::{COMM_LEN, Endpoint, Segments};
use tracer_flow::{conn::Conn, gaps, pickup::Progress};

use crate::maps::global;

/// Address families of `struct sock`.
pub const AF_INET: u16 = 2;
pub const AF_INET6: u16 = 10;
const IPPROTO_TCP: u16 = 6;

/// `struct sock`.
#[derive(Clone, Copy)]
pub struct Sock(pub *const u8);

/// `struct task_struct`.
#[derive(Clone, Copy)]
pub struct Task(pub *const u8);

/// Figures of `struct tcp_sock`.
#[derive(Clone, Copy, Default)]
pub struct TcpFigures {
    pub srtt_us8: u32,
    pub retransmits: u32,
    pub segments_in: u32,
    pub segments_out: u32,
    pub out_of_order: u32,
    /// Size of a full segment.
    pub segment_bytes: u32,
    pub bytes_sent: u64,
    pub bytes_received: u64,
}

impl TcpFigures {
    /// Segments of the connection, for its records.
    #[inline(always)]
    pub fn segments(&self, conn: &Conn) -> Segments {
        Segments {
            received: self.segments_in,
            sent: self.segments_out,
            out_of_order: self.out_of_order,
            missing: gaps::lost(conn, self.segment_bytes, self.out_of_order),
        }
    }
}

#[inline(always)]
unsafe fn read<T: Copy>(base: *const u8, offset: u32) -> T {
    // SAFETY: the verifier checks the access; a fault reads as zero.
    unsafe { core::ptr::read_volatile(base.add(offset as usize).cast::<T>()) }
}

/// Reads four words at `offset`.
#[inline(always)]
unsafe fn read_words(base: *const u8, offset: u32) -> [u32; 4] {
    // SAFETY: as `read`.
    unsafe {
        [
            read(base, offset),
            read(base, offset + 4),
            read(base, offset + 8),
            read(base, offset + 12),
        ]
    }
}

impl Sock {
    /// True for a TCP socket over IPv4 or IPv6.
    #[inline(always)]
    pub fn is_tcp(self) -> bool {
        // SAFETY: typed read.
        let protocol: u16 = unsafe { read(self.0, global!(OFFSETS.sock_protocol)) };
        let family = self.family();
        protocol == IPPROTO_TCP && (family == AF_INET || family == AF_INET6)
    }

    #[inline(always)]
    pub fn family(self) -> u16 {
        // SAFETY: typed read.
        unsafe { read(self.0, global!(OFFSETS.sock_family)) }
    }

    #[inline(always)]
    pub fn state(self) -> u8 {
        // SAFETY: typed read.
        unsafe { read(self.0, global!(OFFSETS.sock_state)) }
    }

    #[inline(always)]
    pub fn flags(self) -> u64 {
        // SAFETY: typed read.
        unsafe { read(self.0, global!(OFFSETS.sock_flags)) }
    }

    #[inline(always)]
    pub fn error(self) -> u32 {
        // SAFETY: typed read.
        unsafe { read(self.0, global!(OFFSETS.sock_err)) }
    }

    /// True if the process has closed the socket, or shut it down in both directions (`__tcp_close` and `inet_shutdown`
    /// set this before the FIN is sent): the process will read no more.
    #[inline(always)]
    pub fn reads_no_more(self) -> bool {
        const SHUTDOWN_MASK: u8 = 3;
        // SAFETY: typed read.
        let shutdown: u8 = unsafe { read(self.0, global!(OFFSETS.sock_shutdown)) };
        shutdown == SHUTDOWN_MASK
    }

    /// True if the socket may have storage. Checked before calling the helper: most sockets of a machine have none.
    #[inline(always)]
    pub fn has_storage(self) -> bool {
        // SAFETY: typed read; the pointer is not followed.
        let storage: *const u8 = unsafe { read(self.0, global!(OFFSETS.sock_storage)) };
        !storage.is_null()
    }

    /// Local port in host order; 0 in SYN_SENT, and after the port was freed.
    #[inline(always)]
    pub fn local_port(self) -> u16 {
        // SAFETY: typed read.
        unsafe { read(self.0, global!(OFFSETS.sock_local_port)) }
    }

    #[inline(always)]
    pub fn remote_port(self) -> u16 {
        // SAFETY: typed read.
        u16::from_be(unsafe { read(self.0, global!(OFFSETS.sock_remote_port)) })
    }

    /// Remote address as the words of an IPv6 address (IPv4 as IPv4-mapped), network order.
    #[inline(always)]
    pub fn remote_words(self) -> [u32; 4] {
        // SAFETY: typed reads.
        unsafe {
            if self.family() == AF_INET6 {
                read_words(self.0, global!(OFFSETS.sock_remote_v6))
            } else {
                let v4 = read(self.0, global!(OFFSETS.sock_remote_v4));
                [0, 0, 0xffff_u32.to_be(), v4]
            }
        }
    }

    /// Inode number of the network namespace.
    #[inline(always)]
    pub fn netns(self) -> u32 {
        // SAFETY: typed reads; the pointer is typed in turn.
        unsafe {
            let net: *const u8 = read(self.0, global!(OFFSETS.sock_net));
            read(net, global!(OFFSETS.net_inum))
        }
    }

    #[inline(always)]
    pub fn cookie(self) -> u64 {
        // SAFETY: a typed socket pointer.
        unsafe { bpf_get_socket_cookie(self.0.cast_mut().cast()) }
    }

    #[inline(always)]
    pub fn as_ptr(self) -> *mut c_void {
        self.0.cast_mut().cast()
    }

    /// Counters of the TCP layer; zero for a socket that is not TCP.
    #[inline(always)]
    pub fn tcp_figures(self) -> TcpFigures {
        // SAFETY: the helper gives a typed tcp_sock or null; typed reads.
        unsafe {
            let tcp: *const u8 = bpf_skc_to_tcp_sock(self.as_ptr()).cast();
            if tcp.is_null() {
                return TcpFigures::default();
            }
            let sent: u64 = read(tcp, global!(OFFSETS.tcp_bytes_sent));
            let again: u64 = read(tcp, global!(OFFSETS.tcp_bytes_retransmitted));
            TcpFigures {
                srtt_us8: read(tcp, global!(OFFSETS.tcp_srtt)),
                retransmits: read(tcp, global!(OFFSETS.tcp_retransmits)),
                segments_in: read(tcp, global!(OFFSETS.tcp_segments_in)),
                segments_out: read(tcp, global!(OFFSETS.tcp_segments_out)),
                out_of_order: read(tcp, global!(OFFSETS.tcp_out_of_order)),
                segment_bytes: read(tcp, global!(OFFSETS.tcp_segment_bytes)),
                bytes_sent: sent.saturating_sub(again),
                bytes_received: read(tcp, global!(OFFSETS.tcp_bytes_received)),
            }
        }
    }

    /// True for a subflow of an MPTCP socket (`tcp_sock.is_mptcp`).
    #[inline(always)]
    pub fn is_subflow(self) -> bool {
        let offset = global!(OFFSETS.tcp_is_mptcp);
        if offset == 0 {
            return false;
        }
        // SAFETY: the helper gives a typed tcp_sock or null; a typed read.
        unsafe {
            let tcp: *const u8 = bpf_skc_to_tcp_sock(self.as_ptr()).cast();
            !tcp.is_null() && read::<u8>(tcp, offset) != 0
        }
    }

    /// Sequence number of the next byte to send (`tcp_sock.snd_nxt`); in SYN_SENT that of the first payload byte.
    #[inline(always)]
    pub fn next_to_send(self) -> u32 {
        // SAFETY: the helper gives a typed tcp_sock or null; a typed read.
        unsafe {
            let tcp: *const u8 = bpf_skc_to_tcp_sock(self.as_ptr()).cast();
            if tcp.is_null() {
                return 0;
            }
            read(tcp, global!(OFFSETS.tcp_next))
        }
    }

    /// Position of the application in the bytes received; None for a socket that is not TCP.
    #[inline(always)]
    pub fn progress(self) -> Option<Progress> {
        // SAFETY: the helper gives a typed tcp_sock or null; typed reads.
        unsafe {
            let tcp: *const u8 = bpf_skc_to_tcp_sock(self.as_ptr()).cast();
            (!tcp.is_null()).then(|| Progress {
                read_to: read(tcp, global!(OFFSETS.tcp_copied)),
                received_to: read(tcp, global!(OFFSETS.tcp_received)),
            })
        }
    }

    /// Fills the addresses and ports of an endpoint.
    #[inline(always)]
    pub fn describe(self, endpoint: &mut Endpoint) {
        endpoint.family = self.family();
        endpoint.local_port = self.local_port();
        endpoint.remote_port = self.remote_port();
        endpoint.pad = 0;
        let local = &raw mut endpoint.local;
        let remote = &raw mut endpoint.remote;
        // SAFETY: typed reads; both arrays are 16 bytes, four-byte aligned in the record.
        unsafe {
            if endpoint.family == AF_INET6 {
                local
                    .cast::<[u32; 4]>()
                    .write(read_words(self.0, global!(OFFSETS.sock_local_v6)));
                remote
                    .cast::<[u32; 4]>()
                    .write(read_words(self.0, global!(OFFSETS.sock_remote_v6)));
            } else {
                let from: u32 = read(self.0, global!(OFFSETS.sock_local_v4));
                let to: u32 = read(self.0, global!(OFFSETS.sock_remote_v4));
                local.cast::<[u32; 4]>().write([from, 0, 0, 0]);
                remote.cast::<[u32; 4]>().write([to, 0, 0, 0]);
            }
        }
    }
}

impl Task {
    /// The running task.
    #[inline(always)]
    pub fn current() -> Self {
        // SAFETY: always valid in a tracing program.
        Self(unsafe { bpf_get_current_task_btf() }.cast_const().cast())
    }

    #[inline(always)]
    pub fn tgid(self) -> u32 {
        // SAFETY: typed read.
        unsafe { read(self.0, global!(OFFSETS.task_tgid)) }
    }

    /// Thread id.
    #[inline(always)]
    pub fn tid(self) -> u32 {
        // SAFETY: typed read.
        unsafe { read(self.0, global!(OFFSETS.task_pid)) }
    }

    /// Sum of the times in which the thread was ready to run and waited for a CPU, ns; 0 if the kernel does not keep
    /// it.
    #[inline(always)]
    pub fn run_delay_ns(self) -> u64 {
        // SAFETY: typed read.
        unsafe { read(self.0, global!(OFFSETS.task_run_delay)) }
    }

    /// Name of the process: the comm of its thread-group leader.
    #[inline(always)]
    pub fn process_comm(self) -> [u8; COMM_LEN] {
        // SAFETY: typed reads; two native words are the 16 bytes.
        unsafe {
            let leader: *const u8 = read(self.0, global!(OFFSETS.task_group_leader));
            let words: [u64; 2] = [
                read(leader, global!(OFFSETS.task_comm)),
                read(leader, global!(OFFSETS.task_comm) + 8),
            ];
            core::mem::transmute(words)
        }
    }

    /// True once the last thread of the process is exiting.
    #[inline(always)]
    pub fn process_is_dead(self) -> bool {
        // SAFETY: typed reads.
        let live: i32 = unsafe {
            let signal: *const u8 = read(self.0, global!(OFFSETS.task_signal));
            read(signal, global!(OFFSETS.signal_live))
        };
        live == 0
    }

    /// Inode and device of the executable.
    #[inline(always)]
    pub fn executable(self) -> (u64, u32) {
        // SAFETY: typed reads; null on the way reads as zero.
        unsafe {
            let mm: *const u8 = read(self.0, global!(OFFSETS.task_mm));
            let file: *const u8 = read(mm, global!(OFFSETS.mm_exe_file));
            let inode: *const u8 = read(file, global!(OFFSETS.file_inode));
            let block: *const u8 = read(inode, global!(OFFSETS.inode_super_block));
            (
                read(inode, global!(OFFSETS.inode_number)),
                read(block, global!(OFFSETS.super_block_device)),
            )
        }
    }

    /// cgroup-v2 id of the process.
    #[inline(always)]
    pub fn cgroup(self) -> u64 {
        // SAFETY: typed reads.
        unsafe {
            let set: *const u8 = read(self.0, global!(OFFSETS.task_cgroups));
            let group: *const u8 = read(set, global!(OFFSETS.css_set_default));
            let node: *const u8 = read(group, global!(OFFSETS.cgroup_node));
            read(node, global!(OFFSETS.node_id))
        }
    }

    /// cgroup-v2 id of the process's ancestor at `level`; 0 if the process is above that level.
    #[inline(always)]
    pub fn cgroup_at(self, level: u32) -> u64 {
        // SAFETY: typed reads, then probe reads: the ancestors are a flexible array of pointers,
        // which the verifier does not follow.
        unsafe {
            let set: *const u8 = read(self.0, global!(OFFSETS.task_cgroups));
            let group: *const u8 = read(set, global!(OFFSETS.css_set_default));
            let own: u32 = read(group, global!(OFFSETS.cgroup_level));
            if level > own || level > 64 {
                return 0;
            }
            let slot = group as u64 + u64::from(global!(OFFSETS.cgroup_ancestors) + level * 8);
            let ancestor = bpf_probe_read_kernel(slot as *const u64).unwrap_or(0);
            let node = ancestor + u64::from(global!(OFFSETS.cgroup_node));
            let node = bpf_probe_read_kernel(node as *const u64).unwrap_or(0);
            let id = node + u64::from(global!(OFFSETS.node_id));
            bpf_probe_read_kernel(id as *const u64).unwrap_or(0)
        }
    }
}

/// The socket behind a `struct socket`.
#[inline(always)]
pub fn of_socket(socket: *const u8) -> Sock {
    // SAFETY: typed read.
    Sock(unsafe { read(socket, global!(OFFSETS.socket_sk)) })
}

/// Path of the binary of a `struct linux_binprm`, as a kernel pointer to a C string.
#[inline(always)]
pub fn binprm_interpreter(binprm: *const u8) -> *const u8 {
    // SAFETY: typed read.
    unsafe { read(binprm, global!(OFFSETS.binprm_interpreter)) }
}
