//! The few calls of bpf(2) that a benchmark needs: run-time statistics, and loading and attaching a program of two
//! instructions. xtask does not load tracer's programs, so it needs no loader.

use std::ffi::CStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use anyhow::{Context, Result};

/// `enum bpf_cmd`, include/uapi/linux/bpf.h.
mod command {
    pub(super) const PROG_LOAD: libc::c_long = 5;
    pub(super) const PROG_GET_FD_BY_ID: libc::c_long = 13;
    pub(super) const OBJ_GET_INFO_BY_FD: libc::c_long = 15;
    pub(super) const RAW_TRACEPOINT_OPEN: libc::c_long = 17;
    pub(super) const LINK_CREATE: libc::c_long = 28;
    pub(super) const ENABLE_STATS: libc::c_long = 32;
}

/// `union bpf_attr`, as words, larger than any member used here.
type Attributes = [u64; 16];
/// Offset of `name` in `struct bpf_prog_info`.
const INFO_NAME: usize = 64;

/// Run-time statistics of the kernel: it times every program while this value lives. They end with the process, however
/// that ends, so that no setting has to be restored, unlike with `kernel.bpf_stats_enabled`.
pub(crate) struct Stats {
    _enabled: OwnedFd,
}

impl Stats {
    pub(crate) fn enable() -> Result<Self> {
        let _enabled = call(command::ENABLE_STATS, &[0; 16])
            .context("cannot have programs timed (BPF_ENABLE_STATS)")?;
        Ok(Self { _enabled })
    }
}

/// A program of a process and its cost so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) runs: u64,
    pub(crate) time_ns: u64,
}

/// Place where a program is attached, if an empty program can be attached there too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hook {
    Tracepoint(String),
    Cgroup(u32),
}

/// BPF programs and links of a process, read from its file descriptors.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) programs: Vec<Program>,
    pub(crate) hooks: Vec<Hook>,
    pub(crate) links: usize,
}

pub(crate) fn held_by(pid: u32) -> Result<Held> {
    let mut held = Held::default();
    let directory = format!("/proc/{pid}/fdinfo");
    for entry in fs::read_dir(&directory).with_context(|| directory.clone())? {
        // The descriptor may have been closed meanwhile.
        if let Ok(text) = fs::read_to_string(entry?.path()) {
            held.add(&text);
        }
    }
    for program in &mut held.programs {
        program.name = name_of(program.id).unwrap_or_else(|_| program.id.to_string());
    }
    held.programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(held)
}

impl Held {
    /// Adds what one fdinfo file describes: a program, a link or something else.
    fn add(&mut self, text: &str) {
        let field = |name: &str| {
            let lines = text.lines().filter_map(|line| line.split_once(':'));
            let mut found = lines.filter(|(key, _)| *key == name);
            found.next().map(|(_, value)| value.trim())
        };
        let number = |name| field(name).and_then(|value| value.parse::<u64>().ok());
        if let Some(kind) = field("link_type") {
            self.links += 1;
            let tracepoint = field("tp_name").map(|name| Hook::Tracepoint(name.to_owned()));
            let cgroup =
                (kind == "cgroup").then(|| number("attach_type").map(|at| Hook::Cgroup(at as u32)));
            self.hooks.extend(tracepoint.or(cgroup.flatten()));
        } else if let (Some(id), Some(time_ns), Some(runs)) =
            (number("prog_id"), number("run_time_ns"), number("run_cnt"))
        {
            let id = id as u32;
            if self.programs.iter().all(|known| known.id != id) {
                self.programs.push(Program {
                    id,
                    name: String::new(),
                    runs,
                    time_ns,
                });
            }
        }
    }
}

/// Opens a descriptor of our own for a program, so that its figures can still be read after its process has ended.
pub(crate) fn open_program(id: u32) -> Result<OwnedFd> {
    let mut attributes = [0; 16];
    attributes[0] = u64::from(id);
    call(command::PROG_GET_FD_BY_ID, &attributes)
}

fn name_of(id: u32) -> Result<String> {
    let mut attributes = [0; 16];
    let program = open_program(id)?;
    let mut info = [0u8; 256];
    attributes[0] = pair(program.as_raw_fd() as u32, info.len() as u32);
    attributes[1] = info.as_mut_ptr() as u64;
    raw_call(command::OBJ_GET_INFO_BY_FD, &attributes)?;
    let name = CStr::from_bytes_until_nul(&info[INFO_NAME..])?;
    Ok(name.to_string_lossy().into_owned())
}

/// `struct bpf_insn`.
#[repr(C)]
struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// BPF_ALU64 | BPF_MOV | BPF_K
const MOVE: u8 = 0xb7;
/// BPF_JMP | BPF_EXIT
const EXIT: u8 = 0x95;

/// `return 1`: a cgroup hook then lets the packet pass, a tracepoint ignores it.
const EMPTY: [Instruction; 2] = [
    Instruction {
        code: MOVE,
        registers: 0,
        offset: 0,
        immediate: 1,
    },
    Instruction {
        code: EXIT,
        registers: 0,
        offset: 0,
        immediate: 0,
    },
];
const PROG_TYPE_RAW_TRACEPOINT: u32 = 17;

/// Attaches an empty program to a tracepoint.
pub(crate) fn empty_at_tracepoint(name: &str) -> Result<[OwnedFd; 2]> {
    let program = load_empty(PROG_TYPE_RAW_TRACEPOINT, 0, name)?;
    let name = std::ffi::CString::new(name)?;
    let mut attributes = [0; 16];
    attributes[0] = name.as_ptr() as u64;
    attributes[1] = pair(program.as_raw_fd() as u32, 0);
    let link = call(command::RAW_TRACEPOINT_OPEN, &attributes)?;
    Ok([program, link])
}

/// Attaches an empty program to a cgroup; `attach_type` is one of `enum bpf_attach_type`.
pub(crate) fn empty_in_cgroup(
    cgroup: &File,
    attach_type: u32,
    program_type: u32,
) -> Result<[OwnedFd; 2]> {
    let program = load_empty(program_type, attach_type, &format!("cgroup_{attach_type}"))?;
    let mut attributes = [0; 16];
    attributes[0] = pair(program.as_raw_fd() as u32, cgroup.as_raw_fd() as u32);
    attributes[1] = pair(attach_type, 0);
    let link = call(command::LINK_CREATE, &attributes)?;
    Ok([program, link])
}

fn load_empty(program_type: u32, attach_type: u32, name: &str) -> Result<OwnedFd> {
    let mut attributes = [0; 16];
    attributes[0] = pair(program_type, EMPTY.len() as u32);
    attributes[1] = EMPTY.as_ptr() as u64;
    attributes[2] = c"GPL".as_ptr() as u64;
    let mut short = [0; 16];
    let length = name.len().min(15);
    short[..length].copy_from_slice(&name.as_bytes()[..length]);
    let halves = short.as_chunks::<8>().0;
    attributes[6] = u64::from_ne_bytes(halves[0]);
    attributes[7] = u64::from_ne_bytes(halves[1]);
    attributes[8] = pair(0, attach_type);
    call(command::PROG_LOAD, &attributes).context("cannot load an empty program")
}

/// Packs two neighbouring u32 members into a word.
fn pair(first: u32, second: u32) -> u64 {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&first.to_ne_bytes());
    bytes[4..].copy_from_slice(&second.to_ne_bytes());
    u64::from_ne_bytes(bytes)
}

fn call(command: libc::c_long, attributes: &Attributes) -> Result<OwnedFd> {
    let fd = raw_call(command, attributes)?;
    // SAFETY: the commands that come here return a new descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn raw_call(command: libc::c_long, attributes: &Attributes) -> Result<i32> {
    // SAFETY: every pointer in the attributes leads to memory that outlives the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            attributes.as_ptr(),
            size_of::<Attributes>(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error()).context(format!("bpf(2) command {command}"));
    }
    Ok(result as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fdinfo_tells_programs_and_hooks() {
        let mut held = Held::default();
        held.add("pos:\t0\nprog_type:\t8\nprog_id:\t7\nrun_time_ns:\t500\nrun_cnt:\t4\n");
        held.add("pos:\t0\nlink_type:\traw_tracepoint\nlink_id:\t1\nprog_id:\t9\ntp_name:\tsched_process_fork\n");
        held.add("pos:\t0\nlink_type:\tcgroup\nlink_id:\t2\nprog_id:\t7\ncgroup_id:\t1\nattach_type:\t1\n");
        held.add("pos:\t0\nlink_type:\titer\nlink_id:\t3\n");
        held.add("pos:\t0\nflags:\t02\n");
        let program = Program {
            id: 7,
            name: String::new(),
            runs: 4,
            time_ns: 500,
        };
        assert_eq!(held.programs, [program]);
        assert_eq!(
            held.hooks,
            [
                Hook::Tracepoint("sched_process_fork".to_owned()),
                Hook::Cgroup(1)
            ]
        );
        assert_eq!(held.links, 3);
    }
}
