//! Member offsets of the running kernel, for the `OFFSETS` global.

use tracer_common::config::Offsets;

use super::btf::{Btf, BtfError};

/// Looks up every offset that the kernel programs read.
pub(crate) fn offsets(btf: &Btf) -> Result<Offsets, BtfError> {
    let sock = |path: &str| btf.offset("sock", path);
    let tcp = |path: &str| btf.offset("tcp_sock", path);
    let task = |path: &str| btf.offset("task_struct", path);
    Ok(Offsets {
        sock_family: sock("__sk_common.skc_family")?,
        sock_remote_port: sock("__sk_common.skc_dport")?,
        sock_local_port: sock("__sk_common.skc_num")?,
        sock_remote_v4: sock("__sk_common.skc_daddr")?,
        sock_local_v4: sock("__sk_common.skc_rcv_saddr")?,
        sock_remote_v6: sock("__sk_common.skc_v6_daddr")?,
        sock_local_v6: sock("__sk_common.skc_v6_rcv_saddr")?,
        sock_state: sock("__sk_common.skc_state")?,
        sock_flags: sock("__sk_common.skc_flags")?,
        sock_net: sock("__sk_common.skc_net.net")?,
        net_inum: btf.offset("net", "ns.inum")?,
        sock_err: sock("sk_err")?,
        sock_shutdown: sock("sk_shutdown")?,
        sock_storage: sock("sk_bpf_storage")?,
        sock_protocol: sock("sk_protocol")?,
        socket_sk: btf.offset("socket", "sk")?,
        tcp_next: tcp("snd_nxt")?,
        tcp_copied: tcp("copied_seq")?,
        tcp_received: tcp("rcv_nxt")?,
        tcp_srtt: tcp("srtt_us")?,
        tcp_retransmits: tcp("total_retrans")?,
        tcp_segments_out: tcp("segs_out")?,
        tcp_segments_in: tcp("segs_in")?,
        tcp_out_of_order: tcp("rcv_ooopack")?,
        tcp_segment_bytes: tcp("mss_cache")?,
        tcp_bytes_sent: tcp("bytes_sent")?,
        tcp_bytes_retransmitted: tcp("bytes_retrans")?,
        tcp_bytes_received: tcp("bytes_received")?,
        tcp_is_mptcp: tcp("is_mptcp").unwrap_or(0),
        task_pid: task("pid")?,
        task_tgid: task("tgid")?,
        task_run_delay: task("sched_info.run_delay").unwrap_or(0),
        task_comm: task("comm")?,
        task_group_leader: task("group_leader")?,
        task_signal: task("signal")?,
        signal_live: btf.offset("signal_struct", "live.counter")?,
        task_mm: task("mm")?,
        mm_exe_file: btf.offset("mm_struct", "exe_file")?,
        file_inode: btf.offset("file", "f_inode")?,
        inode_number: btf.offset("inode", "i_ino")?,
        inode_super_block: btf.offset("inode", "i_sb")?,
        super_block_device: btf.offset("super_block", "s_dev")?,
        binprm_interpreter: btf.offset("linux_binprm", "interp")?,
        task_cgroups: task("cgroups")?,
        css_set_default: btf.offset("css_set", "dfl_cgrp")?,
        cgroup_node: btf.offset("cgroup", "kn")?,
        cgroup_level: btf.offset("cgroup", "level")?,
        cgroup_ancestors: btf.offset("cgroup", "ancestors")?,
        node_id: btf.offset("kernfs_node", "id")?,
    })
}
