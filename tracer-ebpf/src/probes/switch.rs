//! Hook: `tp_btf/sched_switch` (kernel/sched/core.c, `__schedule`, before the switch); kernel 6.1. Notes when threads
//! that have read late get a CPU, and when they lose it.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

use crate::{clock::now_ns, run_queue, sock::Task};

#[btf_tracepoint(function = "sched_switch")]
pub fn switch(ctx: BtfTracePointContext) -> i32 {
    // Arguments: (bool preempt, struct task_struct *prev, struct task_struct *next, ...).
    if run_queue::any() {
        run_queue::stops(Task(ctx.arg(1)));
        run_queue::runs(Task(ctx.arg(2)), now_ns());
    }
    0
}
