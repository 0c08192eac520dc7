//! Commands that leave the cgroup which `tracer run` has made for them: what they ask from then on is not seen, and
//! tracer says so.

use anyhow::Result;
use tracer_tests::cgroup::Cgroup;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::server::{Threaded, answer};
use tracer_tests::tracer::run;

#[test]
fn connections_made_outside_are_not_seen() -> Result<()> {
    let server = Threaded::start(answer)?;
    let cgroup = Cgroup::new()?;
    let script = r#"for _ in 1 2; do curl -s -o /dev/null "$2"; done; echo $$ >"$1/cgroup.procs"; for _ in 1 2 3; do curl -s -o /dev/null "$2"; done; echo "{}""#;
    let url = format!("http://{}/", server.address);
    let client = Client::shell("curl", script, &[&cgroup.path.display().to_string(), &url]);
    let traced = run(&client)?;
    let mut differences = Differences::of("a command that leaves its cgroup");
    compare!(
        &mut differences,
        traced.export,
        totals.connections.opened = 5,
        totals.connections.unwatched = 3,
        totals.connections.never_used = 0,
        totals.requests.count = 2,
        totals.requests.failed = 0,
        totals.tls.not_tls = 2,
        totals.tls.unknown = 0,
    );
    let told = traced.finished.stderr.contains("3 NOT SEEN");
    differences.holds("the summary says so", told);
    differences.finish(|| traced.story())
}
