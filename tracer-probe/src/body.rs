//! Instructions of a function of Go at which it has begun, and by which it returns.

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Register};
use object::ReadRef;

use crate::{
    elf::{Elf, Machine, Symbol},
    places::{Function, Unfit},
};

/// Length of the longest function that is decoded; those of crypto/tls take less than 2 KiB.
const LONGEST: u64 = 1 << 16;
/// `RET` of arm64.
const ARM_RET: u32 = 0xd65f_03c0;
/// `MOVD 16(g), R16` of arm64: Go's functions load the limit of the stack.
const ARM_STACK_LIMIT: u32 = 0xf940_0b90;
/// Upper byte of `B.cond` of arm64.
const ARM_JUMP: u32 = 0x54;
/// Place of the stack's limit in the structure of a goroutine (`g.stackguard0`).
const STACK_LIMIT: u64 = 16;
/// Number of first instructions among which a function of Go looks at the limit of its stack.
const BEGINNING: usize = 4;

/// Places in a function of Go, as file offsets.
#[derive(Debug)]
pub(crate) struct Body {
    /// Instruction at which the arguments are in their registers and the stack is as the caller left it.
    pub(crate) entry: u64,
    /// Instructions by which the function returns; Go's functions leave in no other way.
    pub(crate) returns: Vec<u64>,
}

/// Reads the instructions of a function of Go.
///
/// Its first instructions compare the stack with its limit and jump to where the stack is enlarged, after which the function
/// begins again. The entry is that jump: the kernel imitates jumps, while it has to run a first instruction by itself, with
/// a second exception. A call that enlarges the stack comes to the jump twice.
pub(crate) fn of_go<'d, R: ReadRef<'d>>(
    elf: &Elf<'d, R>,
    function: Function,
    symbol: Symbol,
) -> Result<Body, Unfit> {
    let damaged = Unfit::Damaged("the code of crypto/tls");
    let Some((code, at)) = code(elf, symbol).zip(elf.code_offset(symbol.address)) else {
        return Err(damaged);
    };
    let (entry, returns) = match elf.machine {
        Machine::X86 => (x86_entry(code), x86_returns(code)),
        Machine::Arm => (arm_entry(code), arm_returns(code)),
    };
    let entry = entry.ok_or(Unfit::Unlike(function))?;
    if returns.is_empty() {
        return Err(Unfit::NoReturn(function));
    }
    Ok(Body {
        entry: at + entry,
        returns: returns.into_iter().map(|it| at + it).collect(),
    })
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

/// The jump behind the comparison with the limit of the goroutine's stack; R14 holds the goroutine.
fn x86_entry(code: &[u8]) -> Option<u64> {
    let compares = |it: &Instruction| {
        it.memory_base() == Register::R14 && it.memory_displacement64() == STACK_LIMIT
    };
    let mut instructions = decoded(code);
    instructions.by_ref().take(BEGINNING).find(compares)?;
    let jump = instructions.next()?;
    (jump.flow_control() == FlowControl::ConditionalBranch).then(|| jump.ip())
}

fn words(code: &[u8]) -> impl Iterator<Item = u32> {
    let (words, _) = code.as_chunks::<4>();
    words.iter().map(|word| u32::from_le_bytes(*word))
}

/// The jump behind the load of the limit and the comparison.
fn arm_entry(code: &[u8]) -> Option<u64> {
    let mut numbered = words(code).zip(0u64..);
    let loads = |(word, _): &(u32, u64)| *word == ARM_STACK_LIMIT;
    numbered.by_ref().take(BEGINNING).find(loads)?;
    let jump = numbered
        .take(BEGINNING)
        .find(|(word, _)| word >> 24 == ARM_JUMP);
    jump.map(|(_, at)| at * 4)
}

fn arm_returns(code: &[u8]) -> Vec<u64> {
    let numbered = words(code).zip(0u64..);
    let returns = numbered.filter(|(word, _)| *word == ARM_RET);
    returns.map(|(_, at)| at * 4).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_inside_of_another_instruction_is_none() {
        // mov eax, 0xc3c3c3c3; ret; int3
        let code = [0xb8, 0xc3, 0xc3, 0xc3, 0xc3, 0xc3, 0xcc];
        assert_eq!(x86_returns(&code), [5]);
    }

    #[test]
    fn the_entry_is_the_jump_to_where_the_stack_is_enlarged() {
        // cmp rsp, [r14+16]; jbe +16
        assert_eq!(x86_entry(&[0x49, 0x3b, 0x66, 0x10, 0x76, 0x10]), Some(4));
        // lea r12, [rsp-0x68]; cmp r12, [r14+16]; jbe +0x764
        let large = [
            0x4c, 0x8d, 0x64, 0x24, 0x98, 0x4d, 0x3b, 0x66, 0x10, 0x0f, 0x86, 0x64, 7, 0, 0,
        ];
        assert_eq!(x86_entry(&large), Some(9));
        // push rbp; mov rbp, rsp
        assert_eq!(x86_entry(&[0x55, 0x48, 0x89, 0xe5]), None);
        // cmp rsp, [r14+16]; nop
        assert_eq!(x86_entry(&[0x49, 0x3b, 0x66, 0x10, 0x90]), None);
    }

    #[test]
    fn returns_of_arm() {
        let nop = 0xd503_201f_u32;
        let words = [nop, ARM_RET, nop, ARM_RET];
        let code: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(arm_returns(&code), [4, 12]);
        assert_eq!(arm_returns(&code[..7]), [0; 0]);
        // movd 16(g), r16; cmp r16, rsp; bls
        let words = [ARM_STACK_LIMIT, 0xeb30_63ff, 0x5400_0ba9];
        let code: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(arm_entry(&code), Some(8));
        assert_eq!(arm_entry(&code[4..]), None);
    }
}
