//! Sources of what the tracker takes: the kernel, or a recording. A closed set, and the engine knows no more of them
//! than is here.

pub(crate) mod error;
pub(crate) mod kernel;
pub(crate) mod record;
pub(crate) mod recording;
pub(crate) mod replay;
mod sweep;
pub(crate) mod tracing;
mod wakes;

use std::process::ExitStatus;

use self::{error::SourceError, replay::Replay, tracing::Tracing};
use crate::{
    signals::Heard,
    trace::{
        clock,
        description::CpuTime,
        intake::Intake,
        playback::{Control, Playing},
    },
};

/// A source of inputs.
pub(crate) enum Source {
    /// The kernel.
    Tracing(Box<Tracing>),
    /// A recording.
    Replay(Box<Replay>),
}

/// Reasons why a source has nothing more to give.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// Somebody has stopped it, or the traced processes have ended.
    Stopped,
    /// The command has ended.
    Command(ExitStatus),
    /// The recording has been replayed.
    Replayed,
}

/// Work that a source is ready for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Inputs may be waiting.
    Inputs,
    /// Sockets are to be listed.
    Listing,
}

impl Source {
    /// Waits until there is something to take.
    pub(crate) async fn ready(&mut self) -> Result<Wake, SourceError> {
        match self {
            Self::Tracing(tracing) => tracing.ready().await,
            Self::Replay(replay) => {
                replay.ready().await;
                Ok(Wake::Inputs)
            }
        }
    }

    /// Takes what waits, at most a batch.
    pub(crate) fn take(&mut self, wake: Wake, intake: &mut Intake) -> Result<(), SourceError> {
        match (self, wake) {
            (Self::Tracing(tracing), Wake::Inputs) => tracing.take_inputs(intake)?,
            (Self::Tracing(tracing), Wake::Listing) => tracing.take_listing(intake)?,
            (Self::Replay(replay), _) => replay.take(intake),
        }
        Ok(())
    }

    /// Takes all that waits, and looks what open connections are doing.
    pub(crate) fn look_again(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        match self {
            Self::Tracing(tracing) => tracing.look_again(intake),
            // The passes that were made are among the inputs.
            Self::Replay(_) => Ok(()),
        }
    }

    /// Reads what is counted beside the records.
    pub(crate) fn read_counters(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        match self {
            Self::Tracing(tracing) => tracing.read_counters(intake),
            // They are among the inputs.
            Self::Replay(_) => Ok(()),
        }
    }

    /// Figures can begin anew with what is open now.
    pub(crate) fn can_begin_again(&self) -> bool {
        matches!(self, Self::Tracing(_))
    }

    /// Takes all that waits; what was established before the moment given has been told, ns.
    pub(crate) fn drain(&mut self, intake: &mut Intake) -> Result<u64, SourceError> {
        match self {
            Self::Tracing(tracing) => tracing.drain(intake),
            Self::Replay(replay) => Ok(replay.now_ns()),
        }
    }

    /// Tells a tracker that begins now what is open; `before_ns` is what [`Self::drain`] gave.
    pub(crate) fn prime(&mut self, before_ns: u64, intake: &mut Intake) -> Result<(), SourceError> {
        match self {
            Self::Tracing(tracing) => tracing.prime(before_ns, intake),
            Self::Replay(_) => Ok(()),
        }
    }

    /// End of the source, if it has ended by itself.
    pub(crate) fn ended(&mut self) -> Result<Option<End>, SourceError> {
        match self {
            Self::Tracing(tracing) => tracing.ended(),
            Self::Replay(replay) => Ok(replay.is_over().then_some(End::Replayed)),
        }
    }

    /// Ends the source now.
    pub(crate) fn stop(&mut self) -> Result<End, SourceError> {
        match self {
            Self::Tracing(tracing) => tracing.stop(),
            Self::Replay(_) => Ok(End::Stopped),
        }
    }

    /// True if there is a command to wait for.
    pub(crate) fn has_command(&self) -> bool {
        match self {
            Self::Tracing(tracing) => tracing.has_command(),
            Self::Replay(_) => false,
        }
    }

    /// Passes a signal on to the command; false when there is none to wait for.
    pub(crate) fn pass_on(&self, signal: Heard) -> bool {
        match self {
            Self::Tracing(tracing) => tracing.pass_on(signal),
            Self::Replay(_) => false,
        }
    }

    /// Takes what is left, and the end.
    pub(crate) async fn finish(&mut self, intake: &mut Intake) -> Result<(), SourceError> {
        match self {
            Self::Tracing(tracing) => {
                tracing.settle(intake).await?;
                tracing.finish(intake)
            }
            Self::Replay(replay) => {
                replay.finish(intake);
                Ok(())
            }
        }
    }

    /// The moment that figures are as of, CLOCK_MONOTONIC of the machine that was traced, ns.
    pub(crate) fn now_ns(&self) -> u64 {
        match self {
            Self::Tracing(_) => clock::monotonic_ns(),
            Self::Replay(replay) => replay.now_ns(),
        }
    }

    /// The figures were forgotten at this moment of a replay: CLOCK_MONOTONIC and since 1970, ns. Given once.
    pub(crate) fn take_restart(&mut self) -> Option<(u64, u64)> {
        match self {
            Self::Tracing(_) => None,
            Self::Replay(replay) => replay.take_restart(),
        }
    }

    /// State of the replay, if the source is one.
    pub(crate) fn playing(&self) -> Option<Playing> {
        match self {
            Self::Tracing(_) => None,
            Self::Replay(replay) => Some(replay.playing()),
        }
    }

    /// Remark on the source for a person, at the end.
    pub(crate) fn remark(&self) -> Option<String> {
        match self {
            Self::Tracing(_) => None,
            Self::Replay(replay) => replay.remark(),
        }
    }

    /// Time that the command has used.
    pub(crate) fn command_cpu(&self) -> Option<CpuTime> {
        match self {
            Self::Tracing(tracing) => tracing.command_cpu(),
            Self::Replay(replay) => replay.command_cpu(),
        }
    }

    /// Steers a replay; what became of it, in words.
    pub(crate) fn control(&mut self, control: Control) -> Result<String, String> {
        match self {
            Self::Tracing(_) => Err("only a recording can be paused, stepped or sped up".into()),
            Self::Replay(replay) => Ok(replay.control(control)),
        }
    }
}
