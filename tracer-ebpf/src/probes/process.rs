//! Hooks: `tp_btf/sched_process_fork`, `sched_process_exec`, `sched_process_exit` (kernel/fork.c,
//! fs/exec.c, kernel/exit.c); kernel 6.1. They keep the set of traced processes.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::{counter::Counter, record::kind};

use crate::{
    count::count,
    emit,
    maps::{self, global},
    sock::{self, Task},
};

/// Adds a child of a traced process to the traced processes. A new thread is not a new process.
#[btf_tracepoint(function = "sched_process_fork")]
pub fn process_fork(ctx: BtfTracePointContext) -> i32 {
    // Arguments: (struct task_struct *parent, struct task_struct *child).
    let parent = Task(ctx.arg(0)).tgid();
    let child = Task(ctx.arg(1));
    if child.tgid() == parent || !is_traced(parent) {
        return 0;
    }
    if maps::PROCESSES.insert(child.tgid(), 1, 0).is_err() {
        count(Counter::ProcessesFull);
    }
    emit::process(kind::FORK, child, parent);
    0
}

/// Reports the path, for processes that end before they can be found in /proc.
#[btf_tracepoint(function = "sched_process_exec")]
pub fn process_exec(ctx: BtfTracePointContext) -> i32 {
    // Arguments: (struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm).
    let task = Task(ctx.arg(0));
    if global!(FILTER.by_process) == 0 || is_traced(task.tgid()) {
        emit::exec(task, sock::binprm_interpreter(ctx.arg(2)));
    }
    0
}

/// Reports the end of a process. The leader may exit before other threads: only the last one ends the process.
#[btf_tracepoint(function = "sched_process_exit")]
pub fn process_exit(ctx: BtfTracePointContext) -> i32 {
    // Argument: (struct task_struct *p[, bool group_dead]).
    let task = Task(ctx.arg(0));
    let tgid = task.tgid();
    if is_traced(tgid) && task.process_is_dead() {
        emit::process(kind::EXIT, task, 0);
        let _ = maps::PROCESSES.remove(tgid);
    }
    0
}

/// True if the process is in the set. Without a process filter the set is empty.
#[inline(always)]
fn is_traced(tgid: u32) -> bool {
    // SAFETY: a lookup; the value is not used.
    unsafe { maps::PROCESSES.get(tgid) }.is_some()
}
