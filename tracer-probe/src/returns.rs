//! Instructions by which a function returns.

use iced_x86::{Code, Decoder, DecoderOptions, FlowControl, Instruction, Register};
use object::ReadRef;

use crate::{
    elf::{Elf, Machine, Symbol},
    places::{Function, Unfit},
};

/// Length of the longest function that is decoded; those of OpenSSL and Go take less than 8 KiB.
const LONGEST: u64 = 1 << 16;
/// `RET` of arm64.
const ARM_RET: u32 = 0xd65f_03c0;
/// `MOVD 16(g), R16` of arm64: Go's functions load the limit of the stack.
const ARM_STACK_LIMIT: u32 = 0xf940_0b90;
/// Place of the stack's limit in the structure of a goroutine (`g.stackguard0`).
const STACK_LIMIT: u64 = 16;
/// Number of first instructions among which a function of Go looks at the limit of its stack.
const BEGINNING: usize = 4;

/// File offsets of the instructions by which a function in C returns. None if it may leave otherwise: by a jump to
/// another function or to a part of itself that the compiler has put elsewhere, or by a computed jump.
pub(crate) fn of_c<'d, R: ReadRef<'d>>(elf: &Elf<'d, R>, symbol: Symbol) -> Option<Vec<u64>> {
    let code = code(elf, symbol)?;
    let returns = match elf.machine {
        Machine::X86 => x86_returns_of_c(code)?,
        Machine::Arm => arm_returns_of_c(code)?,
    };
    let entry = elf.code_offset(symbol.address)?;
    let offsets: Vec<u64> = returns.into_iter().map(|at| entry + at).collect();
    (!offsets.is_empty()).then_some(offsets)
}

/// File offsets of the instructions by which a function of Go returns. Go's functions leave in no other way.
pub(crate) fn of_go<'d, R: ReadRef<'d>>(
    elf: &Elf<'d, R>,
    function: Function,
    symbol: Symbol,
) -> Result<Vec<u64>, Unfit> {
    let code = code(elf, symbol).ok_or(Unfit::Damaged("the code of crypto/tls"))?;
    let entry = elf.code_offset(symbol.address);
    let entry = entry.ok_or(Unfit::Damaged("the code of crypto/tls"))?;
    let (begins, returns) = match elf.machine {
        Machine::X86 => (x86_looks_at_stack(code), x86_returns(code)),
        Machine::Arm => (
            words(code).take(BEGINNING).any(|word| word == ARM_STACK_LIMIT),
            arm_returns(code),
        ),
    };
    match (begins, returns.is_empty()) {
        (false, _) => Err(Unfit::Unlike(function)),
        (true, true) => Err(Unfit::NoReturn(function)),
        (true, false) => Ok(returns.into_iter().map(|at| entry + at).collect()),
    }
}

fn code<'d, R: ReadRef<'d>>(elf: &Elf<'d, R>, symbol: Symbol) -> Option<&'d [u8]> {
    if symbol.size == 0 || symbol.size > LONGEST {
        return None;
    }
    elf.bytes(symbol.address, symbol.size)
}

/// Instructions from address 0 on, in the order of the file.
fn decoded(code: &[u8]) -> impl Iterator<Item = Instruction> {
    Decoder::with_ip(64, code, 0, DecoderOptions::NONE).into_iter()
}

fn x86_returns(code: &[u8]) -> Vec<u64> {
    let returns = decoded(code).filter(|it| it.flow_control() == FlowControl::Return);
    returns.map(|it| it.ip()).collect()
}

fn x86_returns_of_c(code: &[u8]) -> Option<Vec<u64>> {
    let stays = |it: Instruction| match it.flow_control() {
        FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch => {
            it.near_branch_target() < code.len() as u64
        }
        FlowControl::IndirectBranch => false,
        _ => it.code() != Code::INVALID,
    };
    decoded(code).all(stays).then(|| x86_returns(code))
}

/// True if one of the first instructions compares with the limit of the goroutine's stack; R14 holds the goroutine.
fn x86_looks_at_stack(code: &[u8]) -> bool {
    let looks = |it: Instruction| {
        it.memory_base() == Register::R14 && it.memory_displacement64() == STACK_LIMIT
    };
    decoded(code).take(BEGINNING).any(looks)
}

fn words(code: &[u8]) -> impl Iterator<Item = u32> {
    let (words, _) = code.as_chunks::<4>();
    words.iter().map(|word| u32::from_le_bytes(*word))
}

fn arm_returns(code: &[u8]) -> Vec<u64> {
    let numbered = words(code).zip(0u64..);
    let returns = numbered.filter(|(word, _)| *word == ARM_RET);
    returns.map(|(_, at)| at * 4).collect()
}

fn arm_returns_of_c(code: &[u8]) -> Option<Vec<u64>> {
    let length = code.len() as i64;
    let mut numbered = words(code).zip(0i64..);
    let stays = |(word, at): (u32, i64)| match arm_jump(word) {
        Jump::None => true,
        Jump::Computed => false,
        Jump::By(distance) => (0..length).contains(&(at * 4 + distance)),
    };
    numbered.all(stays).then(|| arm_returns(code))
}

/// Jump of an instruction of arm64, calls and returns left out.
enum Jump {
    None,
    Computed,
    /// Distance in bytes.
    By(i64),
}

fn arm_jump(word: u32) -> Jump {
    let signed = |value: u32, bits: u32| i64::from(((value << (32 - bits)) as i32) >> (32 - bits)) * 4;
    match word {
        // B
        _ if word >> 26 == 0b000101 => Jump::By(signed(word, 26)),
        // B.cond, CBZ, CBNZ
        _ if word >> 24 == 0b0101_0100 || (word >> 25) & 0x3f == 0b011010 => {
            Jump::By(signed(word >> 5, 19))
        }
        // TBZ, TBNZ
        _ if (word >> 25) & 0x3f == 0b011011 => Jump::By(signed(word >> 5, 14)),
        // BR, BRAA and their like
        _ if word & 0xfeff_f000 == 0xd61f_0000 => Jump::Computed,
        _ => Jump::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_inside_of_another_instruction_is_none() {
        // mov eax, 0xc3c3c3c3; ret; int3
        let code = [0xb8, 0xc3, 0xc3, 0xc3, 0xc3, 0xc3, 0xcc];
        assert_eq!(x86_returns(&code), [5]);
        assert_eq!(x86_returns_of_c(&code), Some(vec![5]));
    }

    #[test]
    fn a_jump_out_of_the_function_is_a_way_to_leave() {
        // test eax, eax; je +1 (to the ret); nop; ret
        let inside = [0x85, 0xc0, 0x74, 0x01, 0x90, 0xc3];
        assert_eq!(x86_returns_of_c(&inside), Some(vec![5]));
        // ret; jmp 0x1000
        let outside = [0xc3, 0xe9, 0xfa, 0x0f, 0, 0];
        assert_eq!(x86_returns_of_c(&outside), None);
        // jmp rax
        assert_eq!(x86_returns_of_c(&[0xff, 0xe0, 0xc3]), None);
        // A prefix that no instruction follows.
        assert_eq!(x86_returns_of_c(&[0xc3, 0x0f, 0xff]), None);
    }

    #[test]
    fn functions_of_go_look_at_their_stack() {
        // cmp rsp, [r14+16]
        assert!(x86_looks_at_stack(&[0x49, 0x3b, 0x66, 0x10]));
        // lea r12, [rsp-0x68]; cmp r12, [r14+16]
        assert!(x86_looks_at_stack(&[
            0x4c, 0x8d, 0x64, 0x24, 0x98, 0x4d, 0x3b, 0x66, 0x10
        ]));
        // push rbp; mov rbp, rsp
        assert!(!x86_looks_at_stack(&[0x55, 0x48, 0x89, 0xe5]));
    }

    #[test]
    fn returns_of_arm() {
        let code = |words: &[u32]| -> Vec<u8> {
            words.iter().flat_map(|word| word.to_le_bytes()).collect()
        };
        // cbz x0, +8; nop; ret; b -12
        let inside = code(&[0xb400_0040, 0xd503_201f, ARM_RET, 0x17ff_fffd]);
        assert_eq!(arm_returns_of_c(&inside), Some(vec![8]));
        // ret; b +8
        assert_eq!(arm_returns_of_c(&code(&[ARM_RET, 0x1400_0002])), None);
        // br x16
        assert_eq!(arm_returns_of_c(&code(&[ARM_RET, 0xd61f_0200])), None);
        // b.ne +4 (to the end of the function), tbz w0, #0, -4
        assert_eq!(arm_returns_of_c(&code(&[ARM_RET, 0x5400_0021])), None);
        assert_eq!(
            arm_returns_of_c(&code(&[ARM_RET, 0x3607_ffe0])),
            Some(vec![0])
        );
    }
}
