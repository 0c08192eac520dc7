//! Arguments of `cargo xtask bench overhead`, parsed.

use anyhow::{Context, Result, bail};

use super::observer::Observer;

/// Most runs of each observer with statistics; the run in the middle is reported.
pub(crate) const COST_ROUNDS: u32 = 3;

/// Choice of measurements.
pub(crate) struct Options {
    pub(crate) pairs: u32,
    pub(crate) seconds: u32,
    pub(crate) observers: Vec<Observer>,
    pub(crate) build: bool,
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> Result<Self> {
        let mut options = Self {
            pairs: 6,
            seconds: 4,
            observers: Observer::ALL.to_vec(),
            build: true,
        };
        let mut words = args.iter();
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .with_context(|| format!("{word} needs a value"))
            };
            match word.as_str() {
                "--pairs" => options.pairs = value()?.parse().context("--pairs")?,
                "--seconds" => options.seconds = value()?.parse().context("--seconds")?,
                "--only" => {
                    options.observers = value()?.split(',').map(named).collect::<Result<_>>()?
                }
                "--no-build" => options.build = false,
                other => bail!(
                    "unknown argument {other:?}; `cargo xtask help` lists what each verb takes"
                ),
            }
        }
        if options.pairs == 0 || options.seconds == 0 {
            bail!("--pairs and --seconds begin at 1");
        }
        Ok(options)
    }

    pub(crate) fn expected_s(&self) -> u32 {
        let observers = self.observers.len() as u32;
        let runs = self.pairs * (2 * observers + 1) + self.pairs.min(COST_ROUNDS) * observers;
        2 * (runs * self.seconds + 2 * observers * (self.pairs + 1))
    }
}

fn named(name: &str) -> Result<Observer> {
    let names = Observer::ALL.map(Observer::name);
    let found = Observer::ALL
        .into_iter()
        .find(|observer| observer.name() == name);
    found.with_context(|| format!("no observer {name:?}; there are {}", names.join(", ")))
}
