//! Decides which processes and connections are traced. Runs once per connect or adopted socket, never per packet.

use tracer_common::{
    config::{ALTERNATIVES, GLOBS},
    record::COMM_LEN,
};

use crate::{
    maps::{self, global},
    sock::{Sock, Task},
};

/// True if the filter admits the process.
#[inline(always)]
pub fn admits_process(task: Task, tgid: u32) -> bool {
    if tgid == global!(FILTER.own_tgid) {
        return false;
    }
    // SAFETY: a lookup; the value is not used.
    if global!(FILTER.by_process) != 0 && unsafe { maps::PROCESSES.get(tgid) }.is_none() {
        return false;
    }
    admits_comm(task) && admits_cgroup(task) && admits_executable(task)
}

/// True if the filter admits the destination.
#[inline(always)]
pub fn admits_destination(sock: Sock) -> bool {
    let remote = sock.remote_words();
    let loopback = global!(FILTER.exclude_loopback) != 0 && is_loopback(remote);
    !loopback && admits_port(sock.remote_port()) && admits_address(remote)
}

#[inline(always)]
fn admits_port(port: u16) -> bool {
    let count = global!(FILTER.port_count);
    if count == 0 {
        return true;
    }
    let mut i = 0;
    while i < ALTERNATIVES {
        if (i as u32) < count && global!(FILTER.ports[i]) == u32::from(port) {
            return true;
        }
        i += 1;
    }
    false
}

#[inline(always)]
fn admits_address(remote: [u32; 4]) -> bool {
    let count = global!(FILTER.cidr_count);
    if count == 0 {
        return true;
    }
    let mut i = 0;
    while i < ALTERNATIVES {
        if (i as u32) < count {
            let cidr = global!(FILTER.cidrs[i]);
            let differing = ((remote[0] & cidr.mask[0]) ^ cidr.address[0])
                | ((remote[1] & cidr.mask[1]) ^ cidr.address[1])
                | ((remote[2] & cidr.mask[2]) ^ cidr.address[2])
                | ((remote[3] & cidr.mask[3]) ^ cidr.address[3]);
            if differing == 0 {
                return true;
            }
        }
        i += 1;
    }
    false
}

/// 127.0.0.0/8 (mapped) or ::1.
#[inline(always)]
fn is_loopback(remote: [u32; 4]) -> bool {
    let mapped = remote[0] == 0 && remote[1] == 0 && remote[2] == 0xffff_u32.to_be();
    let v4 = mapped && (u32::from_be(remote[3]) >> 24) == 127;
    let v6 = remote[0] == 0 && remote[1] == 0 && remote[2] == 0 && remote[3] == 1_u32.to_be();
    v4 || v6
}

#[inline(always)]
fn admits_cgroup(task: Task) -> bool {
    let count = global!(FILTER.cgroup_count);
    if count == 0 {
        return true;
    }
    let mut i = 0;
    while i < ALTERNATIVES {
        if (i as u32) < count {
            let wanted = global!(FILTER.cgroups[i]);
            if task.cgroup_at(wanted.level) == wanted.id {
                return true;
            }
        }
        i += 1;
    }
    false
}

#[inline(always)]
fn admits_executable(task: Task) -> bool {
    let count = global!(FILTER.executable_count);
    if count == 0 {
        return true;
    }
    let (inode, device) = task.executable();
    let mut i = 0;
    while i < ALTERNATIVES {
        if (i as u32) < count {
            let wanted = global!(FILTER.executables[i]);
            if wanted.inode == inode && wanted.device == device {
                return true;
            }
        }
        i += 1;
    }
    false
}

#[inline(always)]
fn admits_comm(task: Task) -> bool {
    let count = global!(FILTER.comm_count);
    if count == 0 {
        return true;
    }
    let comm = task.process_comm();
    let mut i = 0;
    while i < GLOBS {
        if (i as u32) < count && glob_matches(i, &comm) {
            return true;
        }
        i += 1;
    }
    false
}

/// Runs the glob's automaton over the comm, one step per byte.
#[inline(always)]
fn glob_matches(glob: usize, comm: &[u8; COMM_LEN]) -> bool {
    let star = global!(FILTER.comms[glob].star);
    let mut states: u32 = 1;
    let mut i = 0;
    while i < COMM_LEN {
        let byte = comm[i];
        if byte == 0 {
            break;
        }
        let accept = global!(FILTER.comms[glob].accept[byte as usize]);
        states = ((states << 1) & accept) | (states & star);
        i += 1;
    }
    states & global!(FILTER.comms[glob].done) != 0
}
