//! Decides which processes and connections are traced. Runs once per connect or adopted socket, never per packet.
//!
//! The filter is a frozen global, so that the verifier leaves out what it does not ask for. A trace whose filter may change
//! while it runs reads the one in `LIVE_FILTERS` instead.

use tracer_common::{
    config::{ALTERNATIVES, Filter, GLOBS},
    record::COMM_LEN,
};

use crate::{
    maps::{self, global},
    sock::{Sock, Task},
};

/// Reads a member of a filter.
macro_rules! member {
    ($filter:ident . $($member:tt)+) => {
        // SAFETY: the filter is a static, or a value of an array, which is never removed.
        maps::load(unsafe { &raw const (*$filter).$($member)+ })
    };
}

/// Filter in use: the frozen one, or the live one that user space has chosen last.
#[inline(always)]
fn current() -> *const Filter {
    if global!(FILTER.live) == 0 {
        return &raw const maps::FILTER;
    }
    let chosen = maps::LIVE_FILTER.get(0).copied().unwrap_or(0);
    match maps::LIVE_FILTERS.get_ptr(chosen & 1) {
        Some(filter) => filter,
        None => &raw const maps::FILTER,
    }
}

/// True if the filter admits the process.
#[inline(always)]
pub fn admits_process(task: Task, tgid: u32) -> bool {
    let filter = current();
    if tgid == member!(filter.own_tgid) {
        return false;
    }
    // SAFETY: a lookup; the value is not used.
    if member!(filter.by_process) != 0 && unsafe { maps::PROCESSES.get(tgid) }.is_none() {
        return false;
    }
    admits_comm(filter, task) && admits_cgroup(filter, task) && admits_executable(filter, task)
}

/// True if the filter admits the destination.
#[inline(always)]
pub fn admits_destination(sock: Sock) -> bool {
    let filter = current();
    let remote = sock.remote_words();
    let loopback = member!(filter.exclude_loopback) != 0 && is_loopback(remote);
    !loopback && admits_port(filter, sock.remote_port()) && admits_address(filter, remote)
}

#[inline(always)]
fn admits_port(filter: *const Filter, port: u16) -> bool {
    let count = member!(filter.port_count);
    if count == 0 {
        return true;
    }
    let mut i = 0;
    while i < ALTERNATIVES {
        if (i as u32) < count && member!(filter.ports[i]) == u32::from(port) {
            return true;
        }
        i += 1;
    }
    false
}

#[inline(always)]
fn admits_address(filter: *const Filter, remote: [u32; 4]) -> bool {
    let count = member!(filter.cidr_count);
    if count == 0 {
        return true;
    }
    let mut i = 0;
    while i < ALTERNATIVES {
        if (i as u32) < count {
            let cidr = member!(filter.cidrs[i]);
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
fn admits_cgroup(filter: *const Filter, task: Task) -> bool {
    let count = member!(filter.cgroup_count);
    if count == 0 {
        return true;
    }
    let mut i = 0;
    while i < ALTERNATIVES {
        if (i as u32) < count {
            let wanted = member!(filter.cgroups[i]);
            if task.cgroup_at(wanted.level) == wanted.id {
                return true;
            }
        }
        i += 1;
    }
    false
}

#[inline(always)]
fn admits_executable(filter: *const Filter, task: Task) -> bool {
    let count = member!(filter.executable_count);
    if count == 0 {
        return true;
    }
    let (inode, device) = task.executable();
    let mut i = 0;
    while i < ALTERNATIVES {
        if (i as u32) < count {
            let wanted = member!(filter.executables[i]);
            if wanted.inode == inode && wanted.device == device {
                return true;
            }
        }
        i += 1;
    }
    false
}

#[inline(always)]
fn admits_comm(filter: *const Filter, task: Task) -> bool {
    let count = member!(filter.comm_count);
    if count == 0 {
        return true;
    }
    let comm = task.process_comm();
    let mut i = 0;
    while i < GLOBS {
        if (i as u32) < count && glob_matches(filter, i, &comm) {
            return true;
        }
        i += 1;
    }
    false
}

/// Runs the glob's automaton over the comm, one step per byte.
#[inline(always)]
fn glob_matches(filter: *const Filter, glob: usize, comm: &[u8; COMM_LEN]) -> bool {
    let star = member!(filter.comms[glob].star);
    let mut states: u32 = 1;
    let mut i = 0;
    while i < COMM_LEN {
        let byte = comm[i];
        if byte == 0 {
            break;
        }
        let accept = member!(filter.comms[glob].accept[byte as usize]);
        states = ((states << 1) & accept) | (states & star);
        i += 1;
    }
    states & member!(filter.comms[glob].done) != 0
}
