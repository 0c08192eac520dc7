//! Every exception from the house rules, with its reason. An entry that excuses nothing is a fault itself.

/// A circle of files that may stay for now, or for good.
#[allow(dead_code, reason = "a table without entries is what we want")]
pub(crate) struct CircleException {
    pub(crate) package: &'static str,
    /// Rooms of the files; all of them have to be in a circle.
    pub(crate) files: &'static [&'static str],
    pub(crate) why: &'static str,
}

/// A module whose file does not yet stand where it belongs.
#[allow(dead_code, reason = "a table without entries is what we want")]
pub(crate) struct ModuleException {
    pub(crate) package: &'static str,
    /// Room of the file that declares the module.
    pub(crate) file: &'static str,
    pub(crate) module: &'static str,
    pub(crate) why: &'static str,
}

/// Number of doc summaries of a package that may break the rule of language for now.
#[allow(dead_code, reason = "a table without entries is what we want")]
pub(crate) struct SummaryException {
    pub(crate) package: &'static str,
    pub(crate) count: usize,
}

/// Forbidden arrows from one room to another that may stay for now.
#[allow(dead_code, reason = "a table without entries is what we want")]
pub(crate) struct ArrowException {
    pub(crate) package: &'static str,
    pub(crate) from: &'static str,
    /// A room of the crate, or the path of another crate.
    pub(crate) to: &'static str,
    pub(crate) why: &'static str,
}

pub(crate) const CIRCLES: &[CircleException] = &[CircleException {
    package: "tracer-crawler",
    files: &[
        "crawl/conditional",
        "crawl/engine",
        "crawl/links",
        "crawl/load_shedding",
        "crawl/page",
        "crawl/pause",
        "crawl/report",
        "crawl/robots",
        "crawl/sink",
        "crawl/sitemap",
        "crawl/throttle",
    ],
    why: "the engine is one object in eleven files; taking it apart is a step of its own",
}];

/// Doc summaries still to be mended; `cargo xtask summaries CRATE` lists them. The numbers only go down.
pub(crate) const SUMMARIES: &[SummaryException] = &[];

#[allow(dead_code, reason = "a table without entries is what we want")]
const fn allow(package: &'static str, count: usize) -> SummaryException {
    SummaryException { package, count }
}

pub(crate) const ARROWS: &[ArrowException] = &[];

pub(crate) const MODULES: &[ModuleException] = &[];
