//! Bounds in a form that every verifier from kernel 6.1 on understands.

/// `n` limited to `1..=MAX`.
///
/// The verifier of 6.1 does not use the test `n != 0`, so the lower bound comes from adding one to an unsigned number.
/// The asm keeps LLVM from removing a bound that LLVM can prove and the verifier cannot, and from merging the two
/// steps.
#[inline(always)]
pub fn between_one_and<const MAX: u64>(n: u32) -> u32 {
    let mut below = u64::from(n).wrapping_sub(1);
    opaque(&mut below);
    if below > MAX - 1 {
        below = MAX - 1;
    }
    opaque(&mut below);
    (below + 1) as u32
}

/// `n & MASK`, kept as an instruction.
#[inline(always)]
pub fn masked<const MASK: u64>(n: u32) -> usize {
    let mut value = u64::from(n);
    opaque(&mut value);
    (value & MASK) as usize
}

#[inline(always)]
fn opaque(value: &mut u64) {
    #[cfg(target_arch = "bpf")]
    // SAFETY: moves a register to itself, which hides the origin of the value from LLVM. (An empty asm would give two
    // line-info entries for one instruction, which the kernel refuses.)
    unsafe {
        core::arch::asm!(
            "{0} = {0}",
            inout(reg) * value,
            options(pure, nomem, nostack)
        );
    }
    #[cfg(not(target_arch = "bpf"))]
    {
        *value = core::hint::black_box(*value);
    }
}
